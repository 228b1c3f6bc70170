//! The modules of the crate use each other as the table in `src/lib.rs` says, and only upwards.

#![allow(
    clippy::unwrap_used,
    reason = "a test may fail on a source that it cannot read"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

type Arrows = BTreeMap<String, BTreeSet<String>>;

/// Rows of the table, top to bottom: a module and what it may use.
fn table(lib: &str) -> Vec<(String, BTreeSet<String>)> {
    let row = Regex::new(r"(?m)^//! \| \[?`(?:mod@)?(\w+)`\]? \| [^|]* \|([^|]*)\|$").unwrap();
    row.captures_iter(lib)
        .map(|row| {
            let uses = row[2]
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty());
            (row[1].to_owned(), uses.map(str::to_owned).collect())
        })
        .collect()
}

/// What is wrong with the table itself, or between it and the arrows of the code.
fn faults(table: &[(String, BTreeSet<String>)], arrows: &Arrows) -> Vec<String> {
    let mut faults = Vec::new();
    let mut above = BTreeSet::new();
    for (module, allowed) in table {
        let below = allowed.iter().filter(|used| !above.contains(*used));
        faults.extend(
            below.map(|used| format!("the table lets {module} use {used}, which is not above it")),
        );
        above.insert(module);
        let used = arrows.get(module).cloned().unwrap_or_default();
        faults.extend(
            used.difference(allowed)
                .map(|used| format!("{module} uses {used}")),
        );
        let unused = allowed.difference(&used);
        faults.extend(
            unused.map(|used| format!("the table says that {module} uses {used}, but it does not")),
        );
    }
    let missing = arrows.keys().filter(|module| !above.contains(module));
    faults.extend(missing.map(|module| format!("the table has no row for {module}")));
    faults
}

/// The modules of this crate that a source text names, comments and tests left out.
fn used_modules(source: &str, modules: &BTreeSet<String>) -> BTreeSet<String> {
    let comment = Regex::new(r"//[^\n]*").unwrap();
    // A test module ends its file; a re-export for tests is one statement.
    let tests = Regex::new(
        r"(?s)#\[cfg\((?:all\()?test\b[^\n]*\]\n(?:#\[[^\n]*\n)*(?:pub\(crate\) )?mod \w+ \{.*",
    )
    .unwrap();
    let statement = Regex::new(r"#\[cfg\((?:all\()?test\b[^\n]*\]\n[^\n]*;\n").unwrap();
    let source = comment.replace_all(source, "");
    let source = tests.replace(&source, "");
    let source = statement.replace_all(&source, "");
    let single = Regex::new(r"\b(?:crate|wordmask)::(\w+)").unwrap();
    let group = Regex::new(r"(?s)\b(?:crate|wordmask)::\{(.*?)\};").unwrap();
    let mut names: Vec<&str> = single
        .captures_iter(&source)
        .map(|c| c.get(1).unwrap().as_str())
        .collect();
    for group in group.captures_iter(&source) {
        let items = group.get(1).unwrap().as_str().split(',');
        names.extend(items.filter_map(|item| item.trim().split("::").next()));
    }
    let module = |name: &str| match name {
        "Error" | "Result" => "error".to_owned(),
        "EncodedImage" | "Segmentation" | "Segmenter" => "segmenter".to_owned(),
        name => name.to_owned(),
    };
    names
        .into_iter()
        .map(module)
        .filter(|name| modules.contains(name))
        .collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found
}

/// Files that are modules of tests and their stand-ins.
fn is_for_tests(path: &Path) -> bool {
    ["tests.rs", "fake_hub.rs", "fixtures.rs"]
        .iter()
        .any(|name| path.ends_with(name))
}

fn arrows(root: &Path, modules: &BTreeSet<String>) -> Arrows {
    let mut arrows = Arrows::new();
    for path in sources(root) {
        let inside = path.strip_prefix(root).unwrap();
        let first = inside
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_string_lossy();
        let module = first.trim_end_matches(".rs").to_owned();
        if module == "lib" || is_for_tests(inside) {
            continue;
        }
        let mut used = used_modules(&fs::read_to_string(&path).unwrap(), modules);
        used.remove(&module);
        arrows.entry(module).or_default().extend(used);
    }
    arrows
}

fn source_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn lib_table() -> Vec<(String, BTreeSet<String>)> {
    table(&fs::read_to_string(source_root().join("lib.rs")).unwrap())
}

#[test]
fn modules_use_each_other_as_the_table_says() {
    let table = lib_table();
    assert!(table.len() > 20, "the table in src/lib.rs was not found");
    let modules = table.iter().map(|(module, _)| module.clone()).collect();
    let faults = faults(&table, &arrows(&source_root(), &modules));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn faults_name_an_arrow_that_is_not_in_the_table() {
    let table = lib_table();
    let modules = table.iter().map(|(module, _)| module.clone()).collect();
    let mut arrows = arrows(&source_root(), &modules);
    let planted = "use crate::segmenter::Options;\n// use crate::hub::fetch;\n";
    let used = used_modules(planted, &modules);
    assert_eq!(used, BTreeSet::from(["segmenter".to_owned()]));
    arrows.entry("clip".into()).or_default().extend(used);
    assert_eq!(faults(&table, &arrows), ["clip uses segmenter"]);
}

#[test]
fn used_modules_sees_groups_and_paths_but_no_tests() {
    let modules = ["clip", "mask", "error", "scene"].map(str::to_owned).into();
    let source = "use crate::{Result, mask::Rle};\nfn f() { crate::clip::patches(); }\n#[cfg(test)]\nmod tests {\n use crate::scene::generate;\n}\n";
    let used = used_modules(source, &modules);
    assert_eq!(used, ["clip", "error", "mask"].map(str::to_owned).into());
}
