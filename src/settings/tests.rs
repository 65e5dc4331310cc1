use std::fs;
use std::path::Path;
use std::time::Duration;

use super::*;

fn load(environment: &[(&str, &str)]) -> Result<Settings, String> {
    load_with(None, environment).map(|(settings, _)| settings)
}

fn load_with(
    file: Option<&Path>,
    environment: &[(&str, &str)],
) -> Result<(Settings, Layers), String> {
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::load(file, environment).map_err(|bad| bad.to_string())
}

/// A settings file of the test's own, gone when dropped.
fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    fs::write(&file, text).expect("a temporary file can be written");
    file
}

#[test]
fn every_default_is_a_valid_value() {
    let settings = load(&[]).expect("defaults are valid");
    assert_eq!(settings.host_ttl, 600);
    assert_eq!(settings.port, 8080);
    assert!(settings.debug);
    assert_eq!(settings.application_env, "development");
}

#[test]
fn blanks_around_numbers_are_tolerated() {
    let settings = load(&[
        ("HOST_TTL", " 60\n"),
        ("PORT", "\t9090 "),
        ("CACHE_TTL", " -1 "),
    ]);
    let settings = settings.expect("blanks are tolerated");
    assert_eq!(
        (settings.host_ttl, settings.port, settings.cache_ttl),
        (60, 9090, -1)
    );
}

#[test]
fn booleans_mean_what_they_say() {
    for (text, meaning) in [
        ("true", true),
        ("True", true),
        ("1", true),
        ("yes", true),
        ("false", false),
        ("False", false),
        ("0", false),
        ("no", false),
        ("", false),
    ] {
        let settings = load(&[("DEBUG", text), ("DYNAMODB_CREATE_TABLES_IN_APP", text)]);
        let settings = settings.expect(text);
        assert_eq!(
            (settings.debug, settings.dynamodb_create_tables_in_app),
            (meaning, meaning),
            "{text:?}"
        );
    }
}

#[test]
fn text_that_looks_like_a_number_stays_text() {
    let settings =
        load(&[("APPLICATION_ENV", "1.10"), ("DYNAMODB_TABLE_HOSTS", "007")]).expect("text");
    assert_eq!(settings.application_env, "1.10");
    assert_eq!(settings.dynamodb_table_hosts.as_deref(), Some("007"));
}

#[test]
fn an_empty_dynamodb_url_is_none() {
    assert_eq!(
        load(&[("DYNAMODB_URL", "")]).expect("empty").dynamodb_url,
        None
    );
}

#[test]
fn the_store_follows_from_the_table_unless_it_is_named() {
    let storage = |environment: &[_]| load(environment).expect("valid").storage().0;
    assert_eq!(storage(&[]), BackendStorage::InFile);
    assert_eq!(
        storage(&[("DYNAMODB_TABLE_HOSTS", "hosts")]),
        BackendStorage::DynamoDb
    );
    let both = [
        ("DYNAMODB_TABLE_HOSTS", "hosts"),
        ("BACKEND_STORAGE", "InMemory"),
    ];
    assert_eq!(storage(&both), BackendStorage::InMemory);
}

#[test]
fn the_dynamodb_url_counts_in_development_only() {
    let url = ("DYNAMODB_URL", "http://localhost:8000");
    let development = load(&[url]).expect("valid");
    let production = load(&[url, ("APPLICATION_ENV", "production")]).expect("valid");
    let endpoint = development.dynamodb_endpoint().map(StoreUrl::as_str);
    assert_eq!(endpoint, Some("http://localhost:8000"));
    assert_eq!(production.dynamodb_endpoint(), None);
}

#[test]
fn lists_are_cached_with_simple_and_a_ttl_above_zero_only() {
    let cached_for = |environment: &[_]| load(environment).expect("valid").cached_for();
    assert_eq!(cached_for(&[]), Duration::ZERO);
    assert_eq!(
        cached_for(&[("CACHE_TYPE", "simple")]),
        Duration::from_secs(30)
    );
    assert_eq!(
        cached_for(&[("CACHE_TYPE", "simple"), ("CACHE_TTL", "-5")]),
        Duration::ZERO
    );
}

#[test]
fn networks_are_any_none_or_a_list() {
    let ranges = |text| load(&[("AUTO_IP_RANGES", text)]).map(|settings| settings.auto_ip_ranges);
    let network = |text: &str| text.parse().expect("a network");
    assert_eq!(
        ranges("any"),
        Ok(Networks(vec![network("0.0.0.0/0"), network("::/0")]))
    );
    assert_eq!(ranges("none"), Ok(Networks(vec![])));
    let both = vec![network("10.0.0.0/8"), network("fd00::1/128")];
    assert_eq!(ranges("10.0.0.0/8, fd00::1"), Ok(Networks(both)));
    assert!(ranges("").is_err());
    assert!(ranges("10.0.0.0/33").is_err());
}

#[test]
fn every_wrong_value_is_named_at_once() {
    let bad = load(&[
        ("HOST_TTL", "abc"),
        ("PORT", "70000"),
        ("CACHE_TYPE", "Simple"),
        ("DEBUG", "maybe"),
        ("CONNECTION_POOL_SIZE", "1.5"),
        ("BACKEND_STORAGE", "inmemory"),
        ("DYNAMODB_URL", "localhost:8000"),
        ("GUARD_MINIMUM_LIVE", "NaN"),
    ]);
    let bad = bad.expect_err("all of them are wrong");
    let lines: Vec<_> = bad.lines().collect();
    assert_eq!(lines.len(), 8, "{bad}");
    let ttl = r#"HOST_TTL: "abc" from the environment is not whole seconds from 1 to 31536000"#;
    assert!(lines.contains(&ttl), "{bad}");
    for name in [
        "PORT",
        "CACHE_TYPE",
        "DEBUG",
        "CONNECTION_POOL_SIZE",
        "BACKEND_STORAGE",
        "DYNAMODB_URL",
        "GUARD_MINIMUM_LIVE",
    ] {
        assert!(
            lines
                .iter()
                .any(|line| line.starts_with(&format!("{name}: "))),
            "{name} in {bad}"
        );
    }
}

#[test]
fn every_value_out_of_range_is_named_at_once() {
    let bad = load(&[
        ("HOST_TTL", "0"),
        ("GUARD_MINIMUM_LIVE", "1.5"),
        ("SWEEP_RATE", "0"),
    ]);
    assert_eq!(bad.expect_err("out of range").lines().count(), 3);
    assert!(load(&[("GUARD_MINIMUM_LIVE", "0"), ("HOST_TTL", "31536000")]).is_ok());
}

#[test]
fn dynamodb_needs_a_table() {
    let bad = load(&[("BACKEND_STORAGE", "DynamoDB")]).expect_err("no table");
    assert_eq!(
        bad,
        "DYNAMODB_TABLE_HOSTS: is not set, and must name a table because BACKEND_STORAGE is DynamoDB"
    );
}

#[test]
fn the_environment_counts_more_than_the_file_and_the_file_more_than_defaults() {
    let file =
        file("host_ttl = 60\nPORT = \"9000\"\nauto_ip_ranges = [\"10.0.0.0/8\", \"fd00::/8\"]\n");
    let (settings, layers) = load_with(Some(file.path()), &[("PORT", "9001")]).expect("valid");
    assert_eq!(
        (settings.host_ttl, settings.port, settings.cache_ttl),
        (60, 9001, 30)
    );
    let origins = ["host_ttl", "port", "cache_ttl"].map(|key| layers.origin(key));
    assert_eq!(origins, ["file", "environment", "default"]);
    assert!(matches!(settings.auto_ip_ranges, Networks(networks) if networks.len() == 2));
}

#[test]
fn an_unknown_key_in_the_file_is_named_beside_everything_else_that_is_wrong() {
    let file = file("hots_ttl = 60\nport = -1\n[debug]\non = true\n");
    let bad = load_with(Some(file.path()), &[])
        .map(drop)
        .expect_err("two mistakes");
    assert_eq!(bad.lines().count(), 3, "{bad}");
    assert!(bad.contains("hots_ttl: unknown setting in "), "{bad}");
    assert!(bad.contains("[debug]: a section in "), "{bad}");
    assert!(
        bad.contains(r#"PORT: "-1" from the file is not an integer from 0 to 65535"#),
        "{bad}"
    );
}

#[test]
fn a_file_that_cannot_be_read_or_parsed_is_named() {
    let missing = load_with(Some(Path::new("/nowhere/settings.toml")), &[]).map(drop);
    assert!(
        missing
            .expect_err("no such file")
            .starts_with("settings file /nowhere/settings.toml: ")
    );
    let broken = file("host_ttl = = 60\n");
    let bad = load_with(Some(broken.path()), &[])
        .map(drop)
        .expect_err("no TOML");
    assert_eq!(bad.lines().count(), 1, "{bad}");
}

#[test]
fn passwords_in_urls_are_not_shown() {
    let url = ("DYNAMODB_URL", "http://user:secret@localhost:8000/path");
    let (settings, layers) = load_with(None, &[url]).expect("valid");
    let shown = layers.effective(&settings) + &format!("{settings:?}");
    assert!(!shown.contains("secret"), "{shown}");
    assert!(
        shown.contains("DYNAMODB_URL=http://***@localhost:8000/path"),
        "{shown}"
    );
}

#[test]
fn whatever_a_password_holds_and_wherever_it_stands_no_complaint_shows_it() {
    for (url, shown) in [
        ("ftp://me:se-cret@h", "ftp://***@h"),
        ("http://me:se/cret@h:8000", "http://***@h:8000"),
        ("http://me:se#cret@h", "http://***@h"),
        ("http://me:se?cret@h", "http://***@h"),
        ("http://me:se@cret:se@h:port", "http://***@h:port"),
        ("me:se-cret@h:8000", "***@h:8000"),
        ("me:se://cret@h:8000", "***@h:8000"),
        (" me:se-cret@h ", "***@h"),
    ] {
        let bad = load(&[("DYNAMODB_URL", url)]).expect_err(url);
        let told = format!("DYNAMODB_URL: {shown:?} from the environment is not a URL ");
        assert!(bad.starts_with(&told), "{bad}");
    }
}

#[test]
fn a_url_of_a_store_has_a_host_and_at_most_a_port_and_a_path() {
    for url in [
        "http://localhost",
        "https://me:s%2Fecret@h:8000/path",
        "http://[::1]:8000",
        "http://me@[::1]",
    ] {
        assert!(load(&[("DYNAMODB_URL", url)]).is_ok(), "{url}");
    }
    for url in [
        "http://h:port",
        "http://h:",
        "http://h:65536",
        "http://h/?table=hosts",
        "http://h/#hosts",
        "http://",
        "http://:8000",
        "h:8000",
    ] {
        assert!(load(&[("DYNAMODB_URL", url)]).is_err(), "{url}");
    }
}

#[test]
fn the_effective_settings_show_every_setting_with_its_origin() {
    let (settings, layers) = load_with(None, &[("PORT", "9001")]).expect("valid");
    let shown = layers.effective(&settings);
    assert_eq!(shown.lines().count(), Settings::TABLE.len());
    let port = shown
        .lines()
        .find(|line| line.starts_with("PORT=9001 "))
        .expect("it is there");
    assert!(port.ends_with("# environment"), "{port}");
}

/// The lines of `discovery config`, without the blanks between a value and its origin.
fn shown(environment: &[(&str, &str)]) -> Vec<String> {
    let (settings, layers) = load_with(None, environment).expect("valid");
    let lines = layers.effective(&settings);
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    lines.lines().map(words).collect()
}

#[test]
fn the_effective_settings_tell_which_store_counts_and_why() {
    let unset = shown(&[]);
    for line in [
        "BACKEND_STORAGE=InFile # default, because neither BACKEND_STORAGE nor DYNAMODB_TABLE_HOSTS is set",
        "INFILE_PATH=discovery-data/hosts.redb # default, in APPLICATION_DIR",
    ] {
        assert!(unset.contains(&line.to_owned()), "{unset:?}");
    }
    let table = shown(&[("DYNAMODB_TABLE_HOSTS", "hosts"), ("BACKEND_STORAGE", " ")]);
    let line = "BACKEND_STORAGE=DynamoDB # default, because DYNAMODB_TABLE_HOSTS is set";
    assert!(table.contains(&line.to_owned()), "{table:?}");
    let named = shown(&[("BACKEND_STORAGE", " InMemory "), ("INFILE_PATH", "here")]);
    for line in [
        "BACKEND_STORAGE=InMemory # environment",
        "INFILE_PATH=here # environment",
    ] {
        assert!(named.contains(&line.to_owned()), "{named:?}");
    }
}

#[test]
fn the_effective_settings_are_shown_as_they_are_used() {
    let environment = [("HOST_TTL", " 60 "), ("DEBUG", ""), ("ADMIN_API", "Yes")];
    let (settings, layers) = load_with(None, &environment).expect("valid");
    let shown = layers.effective(&settings);
    for line in ["HOST_TTL=60 ", "DEBUG=false ", "ADMIN_API=true "] {
        let found = shown.lines().any(|shown| shown.starts_with(line));
        assert!(found, "{line} in {shown}");
    }
}

#[test]
fn an_empty_log_level_or_folder_is_as_good_as_none() {
    let empty = [("LOG_LEVEL", ""), ("APPLICATION_DIR", " ")];
    let (settings, layers) = load_with(None, &empty).expect("they count as unset");
    assert_eq!(settings.application_dir, Path::new("discovery-data"));
    assert_eq!(layers.origin("log_level"), "default");
    let file = file("log_level = \"WARN\"\napplication_dir = \"\"\n");
    let (settings, layers) = load_with(Some(file.path()), &empty).expect("valid");
    assert_eq!(layers.shown("log_level"), "WARN");
    assert_eq!(settings.application_dir, Path::new("discovery-data"));
}

#[test]
fn a_section_in_the_file_is_called_that() {
    let file = file("[default]\nhost_ttl = 60\n");
    let bad = load_with(Some(file.path()), &[]).map(drop);
    let bad = bad.expect_err("there are no sections");
    assert!(bad.starts_with("[default]: a section in "), "{bad}");
    assert!(bad.contains(" is not taken"), "{bad}");
    assert_eq!(bad.lines().count(), 1, "{bad}");
}

#[test]
fn the_readme_has_the_table_of_settings() {
    const BEGIN: &str = "<!-- settings -->\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(&path).expect("the README is there");
    let parts: Vec<_> = readme.split(BEGIN).collect();
    let [before, table, after] = parts[..] else {
        panic!("the README needs the table between two lines {BEGIN:?}");
    };
    let expected = Settings::markdown();
    if std::env::var_os("UPDATE_README").is_some() {
        fs::write(&path, [before, &expected, after].join(BEGIN))
            .expect("the README can be written");
    } else {
        assert_eq!(
            table, expected,
            "mend it with: UPDATE_README=1 cargo test -p discovery readme"
        );
    }
}
