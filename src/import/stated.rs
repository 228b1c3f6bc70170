//! Numbers that a description states although they follow from the weights. Where the two disagree,
//! files of two models were mixed, or the description means a part of the weights only.

use std::fmt::Display;

use serde_json::{Map, Value};

use super::tables::{STATED, Section, StatedRow};
use crate::clip::ClipConfig;
use crate::error::{Error, Result};

/// Checks every number of [`STATED`] that a description has. `name` picks its column, `settings`
/// gives what it has in a section.
///
/// # Errors
///
/// [`Error::Model`] if a number differs, naming the first.
pub(super) fn check_stated<'a>(
    file: &str,
    found: &ClipConfig,
    name: impl Fn(&StatedRow) -> &'static str,
    settings: impl Fn(Section) -> &'a Map<String, Value>,
) -> Result<()> {
    for row in &STATED {
        let (section, .., found_in) = row;
        let name = name(row);
        let found = found_in(found);
        match settings(*section).get(name) {
            None | Some(Value::Null) => {}
            stated if sides(stated)[0] == Some(found) => {}
            Some(stated) => {
                let what = format!("{}{name}", section.prefix());
                return Err(disagreement(file, &what, stated, found));
            }
        }
    }
    Ok(())
}

/// Checks a size of pictures, as far as it tells their sides.
///
/// # Errors
///
/// [`Error::Model`] if a side differs, naming the setting.
pub(super) fn check_sides(
    file: &str,
    setting: &str,
    size: Option<&Value>,
    found: usize,
) -> Result<()> {
    let mut stated = sides(size).into_iter().flatten();
    match stated.find(|side| *side != found) {
        Some(side) => Err(disagreement(file, setting, side, found)),
        None => Ok(()),
    }
}

fn disagreement(file: &str, what: &str, stated: impl Display, found: usize) -> Error {
    Error::model(format!(
        "{file} says {what} = {stated}, but the weights have {found}. These are files of two models; put the right ones together."
    ))
}

/// Height and width of a size, whether it is one number, two, or two with names. A shortest edge
/// alone does not tell them.
fn sides(size: Option<&Value>) -> [Option<usize>; 2] {
    let number = |value: &Value| value.as_u64().and_then(|n| usize::try_from(n).ok());
    match size {
        Some(Value::Array(sides)) => match &sides[..] {
            [side] => [number(side); 2],
            [height, width] => [number(height), number(width)],
            _ => [None; 2],
        },
        Some(Value::Object(sides)) => {
            ["height", "width"].map(|side| sides.get(side).and_then(number))
        }
        Some(side) => [number(side); 2],
        None => [None; 2],
    }
}
