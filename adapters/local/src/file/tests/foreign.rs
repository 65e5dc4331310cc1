//! What is at the path is not ours.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use redb::Database;

use super::{OpenError, Place};
use crate::file::disk::{FORMAT, META, META_FORMAT, META_PRODUCT, PRODUCT};

fn refused(place: &Place) -> OpenError {
    place.open().err().expect("the file is refused")
}

fn assert_untouched(place: &Place, content: &[u8], what: &str) {
    fs::write(place.path(), content).expect("the file is written");
    let error = refused(place);
    assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
    assert!(error.to_string().contains(what), "{error}");
    assert_eq!(fs::read(place.path()).expect("the file is there"), content);
    assert_eq!(place.files(), ["hosts.redb"]);
}

#[test]
fn another_programs_file_is_refused_and_left_as_it_is() {
    let place = Place::new();
    assert_untouched(
        &place,
        b"important notes\n",
        "was written by another program",
    );
    assert_untouched(&place, b"redb", "was written by another program");
    assert_untouched(&place, &[0; 10_000], "was written by another program");
    assert_untouched(
        &place,
        b"SQLite format 3\0 and so on",
        "was written by another program",
    );
}

#[test]
fn an_empty_file_is_refused_and_left_as_it_is() {
    assert_untouched(&Place::new(), b"", "is empty");
}

#[test]
fn a_file_that_only_begins_like_ours_is_damaged() {
    let place = Place::new();
    let mut content = b"redb\x1a\x0a\xa9\x0d\x0a".to_vec();
    for length in [9, 100, 5000] {
        content.resize(length, 0);
        fs::write(place.path(), &content).expect("the file is written");
        let error = refused(&place);
        assert!(
            matches!(error, OpenError::Damaged { .. }),
            "{length}: {error:?}"
        );
        assert_eq!(fs::read(place.path()).expect("the file is there"), content);
    }
}

#[test]
fn a_folder_is_refused() {
    let place = Place::new();
    fs::create_dir(place.path()).expect("the folder is made");
    let error = refused(&place);
    assert!(error.to_string().contains("is a folder"), "{error}");
}

#[test]
fn a_pipe_is_refused_and_nobody_waited_for_who_writes_to_it() {
    let place = Place::new();
    let made = Command::new("mkfifo").arg(place.path()).status();
    assert!(made.expect("mkfifo runs").success());
    let error = refused(&place);
    assert!(error.to_string().contains("is no regular file"), "{error}");
}

#[test]
fn a_path_below_a_file_is_refused() {
    let place = Place::new();
    fs::write(place.path(), b"a file").expect("the file is written");
    let error = place
        .open_at(&place.path().join("hosts.redb"))
        .err()
        .expect("it is refused");
    assert!(matches!(error, OpenError::Io { .. }), "{error:?}");
}

#[test]
fn a_file_without_permission_is_refused() {
    let place = Place::new();
    drop(place.open().expect("the file is made"));
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o0)).expect("a mode is set");
    if fs::read(place.path()).is_ok() {
        return eprintln_skipped("this user may read everything");
    }
    let error = refused(&place);
    assert!(matches!(error, OpenError::Io { .. }), "{error:?}");
}

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn eprintln_skipped(why: &str) {
    eprintln!("skipped: {why}");
}

fn database_with(path: &Path, meta: &[(&str, &str)]) {
    let database = Database::create(path).expect("a database is made");
    let transaction = database.begin_write().expect("it is written");
    let mut table = transaction.open_table(META).expect("the table is made");
    for (name, value) in meta {
        table.insert(name, value).expect("it takes a value");
    }
    drop(table);
    transaction.commit().expect("it is committed");
}

#[test]
fn another_programs_database_is_refused() {
    let place = Place::new();
    database_with(&place.path(), &[("product", "another")]);
    let error = refused(&place);
    assert!(
        error.to_string().contains("is another program's database"),
        "{error}"
    );
}

#[test]
fn a_later_format_is_refused_and_says_so() {
    let place = Place::new();
    let format = (FORMAT + 1).to_string();
    database_with(
        &place.path(),
        &[(META_PRODUCT, PRODUCT), (META_FORMAT, &format)],
    );
    let error = refused(&place);
    assert!(matches!(error, OpenError::Newer { .. }), "{error:?}");
    assert!(
        error
            .to_string()
            .ends_with("has format 2 and this version reads 1: run the newer version")
    );
}
