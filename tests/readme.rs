//! What the README shows of other files is what stands in them.

use std::path::Path;

const README: &str = include_str!("../README.md");

/// A block of code below a comment that names the file it is cut from.
struct Snippet {
    file: &'static str,
    code: &'static str,
}

fn snippets() -> Vec<Snippet> {
    let marked = README.split("<!-- tests/").skip(1);
    let snippet = |text: &'static str| {
        let (file, rest) = text.split_once(" -->\n```").expect("code follows at once");
        let (_language, rest) = rest.split_once('\n').expect("code is of several lines");
        let (code, _) = rest.split_once("```").expect("the block ends");
        Snippet { file, code }
    };
    marked.map(snippet).collect()
}

/// Text whatever its indentation.
fn unindented(text: &str) -> String {
    text.lines()
        .map(|line| line.trim_start().to_owned() + "\n")
        .collect()
}

#[test]
fn every_snippet_stands_in_the_file_it_is_cut_from() {
    for Snippet { file, code } in snippets() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests")
            .join(file);
        let text = std::fs::read_to_string(path).expect("the README names files that exist");
        assert!(
            unindented(&text).contains(&unindented(code)),
            "tests/{file} holds no such\n{code}"
        );
    }
}

/// The tests with a real Envoy start those files.
#[test]
fn the_bootstraps_are_printed_as_they_are_started() {
    for name in ["ads-delta", "rest-cds-eds", "rest-eds"] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/envoy/{name}.yaml"));
        let bootstrap = std::fs::read_to_string(file).expect("the bootstrap is there");
        let printed = format!("```yaml\n{bootstrap}```\n");
        assert!(
            README.contains(&printed),
            "the README prints another {name}.yaml"
        );
    }
}

#[test]
fn every_generator_is_shown_with_an_example() {
    let shown: Vec<_> = snippets().iter().map(|snippet| snippet.file).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk");
    for generator in std::fs::read_dir(folder).expect("the folder exists") {
        let generator = generator.expect("it can be read");
        if generator.file_type().expect("it has a type").is_dir() {
            let name = generator
                .file_name()
                .into_string()
                .expect("names are ASCII");
            let of_it = shown
                .iter()
                .filter(|file| file.starts_with(&format!("sdk/{name}/")));
            assert!(
                of_it.count() >= 2,
                "{name} is not shown with its line and its example"
            );
        }
    }
}
