//! Captions: what a person might say about a picture.

use super::rng::Rng;
use super::{THINGS, Thing};

/// A sentence or a phrase about some of `things` (none of which may be hidden) and perhaps the
/// grounds. With nothing to show it names the grounds alone.
pub(super) fn write(things: &[&Thing], grounds: &[&str], rng: &mut Rng) -> String {
    if things.is_empty() {
        return of_grounds(grounds, rng);
    }
    let detail = rng.below(4);
    let start = rng.below(things.len());
    let most = 1 + rng.below(3);
    let chosen: Vec<&Thing> = (0..things.len().min(most))
        .map(|i| things[(start + i) % things.len()])
        .collect();
    let nouns = match chosen.as_slice() {
        [a, b] if a.kind == b.kind && detail == 0 => vec![format!("two {}", THINGS[a.kind].plural)],
        several => several.iter().map(|t| noun(t, detail, rng)).collect(),
    };
    let place = if rng.chance(0.55) {
        format!(" {}", place(rng.pick(grounds)))
    } else {
        String::new()
    };
    let what = format!("{}{place}", list(&nouns));
    match rng.below(6) {
        0 => format!("a picture of {what}"),
        1 => format!("a drawing of {what}"),
        2 => format!("there is {what}"),
        _ => what,
    }
}

fn of_grounds(grounds: &[&str], rng: &mut Rng) -> String {
    let names = grounds.join(" and ");
    match rng.below(5) {
        0 => format!("nothing but {names}"),
        1 => format!("a picture of {names}"),
        2 => format!("only {names}"),
        _ => names,
    }
}

/// A thing in words: 0 names the thing alone, higher details its colour, its material or both.
fn noun(thing: &Thing, detail: usize, rng: &mut Rng) -> String {
    let plain = thing.material == "plain";
    let words = match detail {
        0 => thing.name.to_owned(),
        1 | 2 if plain || detail == 1 => format!("{} {}", thing.color, thing.name),
        _ if plain => format!("plain {} {}", thing.color, thing.name),
        _ if rng.chance(0.5) => format!("{} {}", thing.material, thing.name),
        _ => format!("{} {} {}", thing.material, thing.color, thing.name),
    };
    let article = if words.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {words}")
}

/// `a`, `a and b`, `a, b and c`.
fn list(nouns: &[String]) -> String {
    match nouns {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// Where, for each of [`super::GROUNDS`].
fn place(ground: &str) -> &'static str {
    match ground {
        "grass" => "on the grass",
        "sand" => "on the sand",
        "water" => "in the water",
        "sky" => "in the sky",
        "brick" => "before a brick wall",
        "wood" => "on wood",
        "snow" => "in the snow",
        "road" => "on the road",
        _ => "before a wall",
    }
}
