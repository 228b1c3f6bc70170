//! From what people type to classes and their names.

use std::collections::HashMap;

use crate::mask::UNLABELLED;
use crate::{Error, Result};

/// The longest name, in characters. CLIP reads 77 tokens, and a token is a few letters.
pub const MAX_NAME_CHARACTERS: usize = 200;

/// The most classes in one answer.
pub const MAX_CLASSES: usize = 200;

/// The most names of one class.
pub const MAX_NAMES: usize = 16;

/// One class: a row of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// What the class is called: its first name.
    pub name: String,
    /// All its names, the first one included; at least one. Case is kept as typed.
    pub names: Vec<String>,
}

/// Makes one class of each word; `a/b/c` is one class with three names.
///
/// Names are trimmed and runs of white space in them become one space.
///
/// # Errors
///
/// [`Error::Input`] if there are no words or more than [`MAX_CLASSES`], if a word has more than
/// [`MAX_NAMES`] names, if a name is empty, longer than [`MAX_NAME_CHARACTERS`] or has control
/// characters, or if a name comes twice, upper and lower case not being told apart.
pub fn parse_words(words: &[impl AsRef<str>]) -> Result<Vec<Class>> {
    if words.is_empty() {
        return Err(Error::input(
            "There are no words to look for. Type at least one, such as “cat”.",
        ));
    }
    if words.len() > MAX_CLASSES {
        return Err(Error::input(format!(
            "{} words are too many; look for at most {MAX_CLASSES} at once.",
            words.len()
        )));
    }
    let classes: Vec<Class> = words
        .iter()
        .map(|word| parse_class(word.as_ref()))
        .collect::<Result<_>>()?;
    refuse_duplicates(&classes)?;
    Ok(classes)
}

/// Whether words end here, as on the page (`www/src/state.ts`): commas and semicolons, those of
/// Chinese and Japanese too, and line breaks.
fn is_separator(character: char) -> bool {
    matches!(character, ',' | ';' | '，' | '、' | '；' | '\n' | '\r')
}

/// The words of a text as people type it, on a terminal or in a file: between commas, semicolons,
/// those of Chinese and Japanese too, or line breaks. What is empty is no word.
pub fn split_words(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_separator)
        .map(str::trim)
        .filter(|word| !word.is_empty())
}

/// Makes classes of the words of a text; see [`split_words`].
///
/// # Errors
///
/// [`Error::Input`] if there are no words or more than [`MAX_CLASSES`], if a word has more than
/// [`MAX_NAMES`] names, if a name is empty, longer than [`MAX_NAME_CHARACTERS`] or has control
/// characters, or if a name comes twice, upper and lower case not being told apart.
pub fn parse_line(line: &str) -> Result<Vec<Class>> {
    parse_words(&split_words(line).collect::<Vec<_>>())
}

/// Checks classes that were not made by [`parse_words`], but put together by a caller.
///
/// # Errors
///
/// [`Error::Input`] if there are none, more than a label map can tell apart, or one without a name.
pub fn check_classes(classes: &[Class]) -> Result<()> {
    if classes.is_empty() {
        return Err(Error::input(
            "There are no classes to look for. Give at least one, such as “cat”.",
        ));
    }
    if classes.len() > usize::from(UNLABELLED) {
        return Err(Error::input(format!(
            "{} classes are too many; a label map tells at most {UNLABELLED} apart.",
            classes.len()
        )));
    }
    match classes.iter().position(|class| class.names.is_empty()) {
        None => Ok(()),
        Some(index) => Err(Error::input(format!(
            "Class {} of {} has no name. Give it one or leave it out.",
            index + 1,
            classes.len()
        ))),
    }
}

fn parse_class(word: &str) -> Result<Class> {
    let count = word.split('/').count();
    if count > MAX_NAMES {
        return Err(Error::input(format!(
            "{} has {count} names; give one class at most {MAX_NAMES}.",
            quote(word)
        )));
    }
    let names: Vec<String> = word
        .split('/')
        .map(|name| parse_name(name, word))
        .collect::<Result<_>>()?;
    let name = names.first().cloned().unwrap_or_default();
    Ok(Class { name, names })
}

fn parse_name(name: &str, word: &str) -> Result<String> {
    if name.chars().any(|c| c.is_control() && !c.is_whitespace()) {
        return Err(Error::input(format!(
            "{} has control characters in it. Type it again.",
            quote(name)
        )));
    }
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_empty() {
        return Err(Error::input(if word.trim().is_empty() {
            "One of the words is empty. Fill it in or leave it out.".to_owned()
        } else {
            format!(
                "{} has an empty name beside a slash. Remove the slash.",
                quote(word)
            )
        }));
    }
    let characters = name.chars().count();
    if characters > MAX_NAME_CHARACTERS {
        return Err(Error::input(format!(
            "{} is too long: {characters} characters. Use at most {MAX_NAME_CHARACTERS}.",
            quote(&name)
        )));
    }
    Ok(name)
}

fn refuse_duplicates(classes: &[Class]) -> Result<()> {
    let mut owners: HashMap<String, &Class> = HashMap::new();
    for class in classes {
        for name in &class.names {
            let Some(owner) = owners.insert(name.to_lowercase(), class) else {
                continue;
            };
            return Err(Error::input(
                if std::ptr::eq(owner, class) || *owner == *class {
                    format!("{} comes twice. Leave one out.", quote(name))
                } else {
                    format!(
                        "{} is a name of two classes, {} and {}. Leave one out.",
                        quote(name),
                        quote(&owner.name),
                        quote(&class.name)
                    )
                },
            ));
        }
    }
    Ok(())
}

/// The word in quotation marks for a message: its first characters, without control characters.
fn quote(word: &str) -> String {
    const SHOWN: usize = 24;
    let mut shown: String = word
        .trim()
        .chars()
        .filter(|c| !c.is_control())
        .take(SHOWN)
        .collect();
    if word.trim().chars().count() > SHOWN {
        shown.push('…');
    }
    format!("“{shown}”")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(classes: &[Class]) -> Vec<Vec<&str>> {
        classes
            .iter()
            .map(|class| class.names.iter().map(String::as_str).collect())
            .collect()
    }

    fn refusal(words: &[impl AsRef<str>]) -> String {
        let error = parse_words(words).unwrap_err();
        assert_eq!(error.code(), "input");
        error.to_string()
    }

    #[test]
    fn a_line_gives_classes_with_their_names() {
        let classes = parse_line(" cat, sofa,\n tv / monitor/ flat  \t screen ,").unwrap();
        assert_eq!(
            names(&classes),
            [
                vec!["cat"],
                vec!["sofa"],
                vec!["tv", "monitor", "flat screen"]
            ]
        );
        assert_eq!(classes[2].name, "tv");
    }

    #[test]
    fn text_is_split_as_on_the_page() {
        #[derive(serde::Deserialize)]
        struct Case {
            typed: String,
            words: Vec<String>,
        }
        // `www/test/state.test.ts` reads the same table.
        let table = include_str!("../../tests/fixtures/words.json");
        let table: Vec<Case> = serde_json::from_str(table).unwrap();
        for Case { typed, words } in table {
            let found = parse_line(&typed).unwrap_or_default();
            let found: Vec<String> = found.iter().map(|class| class.names.join("/")).collect();
            assert_eq!(found, words, "{typed:?}");
        }
    }

    #[test]
    fn strange_but_honest_names_pass() {
        let words = ["__proto__", "constructor", "<script>", "🐈‍⬛", "a, b", "\"'&"];
        let classes = parse_words(&words).unwrap();
        assert!(
            classes
                .iter()
                .zip(words)
                .all(|(class, word)| class.name == word)
        );
    }

    #[test]
    fn nothing_to_look_for_is_refused() {
        assert!(refusal(&[""; 0]).contains("no words"));
        assert!(refusal(&["cat", "  "]).contains("empty"));
        assert!(refusal(&["tv//monitor"]).contains("tv//monitor"));
        assert_eq!(parse_line(" ,\n,").unwrap_err().code(), "input");
    }

    #[test]
    fn classes_of_a_callers_own_are_checked() {
        let class = |names: &[&str]| Class {
            name: "x".into(),
            names: names.iter().map(|&n| n.to_owned()).collect(),
        };
        let refusal = |classes: &[Class]| check_classes(classes).unwrap_err().to_string();
        assert!(refusal(&[]).contains("no classes"));
        assert!(refusal(&[class(&["a"]), class(&[])]).contains("Class 2 of 2"));
        assert!(refusal(&vec![class(&["a"]); 256]).contains("256"));
        assert_eq!(check_classes(&vec![class(&["a"]); 255]), Ok(()));
    }

    #[test]
    fn limits_hold_exactly() {
        let long = "é".repeat(MAX_NAME_CHARACTERS);
        assert!(parse_words(&[&long]).is_ok());
        let message = refusal(&[long + "x"]);
        assert!(
            message.contains("201") && message.chars().count() < 150,
            "{message}"
        );

        let many: Vec<String> = (0..=MAX_CLASSES).map(|i| format!("w{i}")).collect();
        assert!(parse_words(&many[1..]).is_ok());
        assert!(refusal(&many).contains("201"));

        let several = many[..MAX_NAMES].join("/");
        assert!(parse_words(&[&several]).is_ok());
        assert!(refusal(&[several + "/x"]).contains("17"));
    }

    #[test]
    fn duplicates_are_refused_whatever_their_case() {
        assert!(refusal(&["cat", "Cat"]).contains("“Cat”"));
        assert!(refusal(&["tv/TV"]).contains("twice"));
        let message = refusal(&["tv/screen", "monitor/Screen"]);
        assert!(
            message.contains("“tv”") && message.contains("“monitor”"),
            "{message}"
        );
    }

    #[test]
    fn control_characters_are_refused_and_not_repeated() {
        let message = refusal(&["ca\u{1b}[31mt"]);
        assert!(
            message.contains("control") && !message.contains('\u{1b}'),
            "{message}"
        );
    }

    proptest! {
        #[test]
        fn accepted_names_are_clean_and_parse_to_themselves(words in prop::collection::vec(".{0,20}", 1..5)) {
            if let Ok(classes) = parse_words(&words) {
                prop_assert_eq!(classes.len(), words.len());
                for name in classes.iter().flat_map(|class| &class.names) {
                    prop_assert!(!name.is_empty() && name.trim() == name);
                    prop_assert!(!name.contains('/') && !name.contains("  "));
                    prop_assert!(!name.chars().any(char::is_control));
                }
                let again: Vec<String> = classes.iter().map(|c| c.names.join("/")).collect();
                prop_assert_eq!(parse_words(&again).unwrap(), classes);
            }
        }
    }
}
