//! Text as CLIP's training saw it: the cleaning in front of the byte-pair encoding.
//!
//! OpenAI's tokenizer runs every text through `fix_text` of the Python library ftfy (here: as in
//! its version 6.3), decodes HTML entities twice more, collapses white space and lowers case. A
//! `tokenizer.json` has only NFC and the last two steps, so all of it is done here.
//!
//! Three things differ from the reference on purpose, and what is typed as a special token (see
//! [`Tokenizer::encode`](super::Tokenizer::encode)):
//! - ftfy recognises text that was read in a wrong encoding by a long list of heuristics for ten
//!   encodings, and now and then mistakes honest text for it (`ŁÓDŹ°` becomes `łódʰ`). Here only
//!   UTF-8 that was read as Windows-1252 is repaired, and only where [`is_misread`] recognises it.
//! - Entities that are escaped more than [`ROUNDS`] times stay partly escaped.
//! - ftfy cuts lines after a million characters. Here they stay whole.
//!
//! Unicode grows: what is a letter may differ for characters newer than Unicode 14, and the order
//! of several marks on one letter for marks newer than Unicode 9, which is the version of the NFC here.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use tokenizers::normalizers::{NFC, NFKC};
use tokenizers::{NormalizedString, Normalizer};

/// How often a line is gone over until nothing changes. Honest text needs two rounds; the bound
/// keeps the time linear for text that was made to need one for each of its characters.
const ROUNDS: usize = 32;

/// The cleaned text: one line, lower case, single spaces.
pub(super) fn clean(text: &str) -> String {
    let mut entities = true;
    let mut fixed = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        // From the first `<` on, the text is taken for HTML that means its entities.
        entities &= !line.contains('<');
        fixed.push_str(&fix_line(line, entities));
    }
    let decoded = unescape(&fixed);
    let decoded = unescape(&decoded);
    let mut words = String::with_capacity(decoded.len());
    for word in decoded.split_whitespace() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(word);
    }
    words.to_lowercase()
}

/// One line through the steps of ftfy, until they change nothing.
fn fix_line(line: &str, entities: bool) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(line);
    for _ in 0..ROUNDS {
        let mut fixed = text.clone();
        if entities {
            apply(&mut fixed, unescape_closed);
        }
        if !fixed.is_ascii() {
            apply(&mut fixed, repair);
            apply(&mut fixed, plain_forms);
        }
        apply(&mut fixed, without_escapes);
        apply(&mut fixed, without_controls);
        apply(&mut fixed, composed);
        if fixed == text {
            break;
        }
        text = Cow::Owned(fixed.into_owned());
    }
    text
}

fn apply(text: &mut Cow<'_, str>, step: impl Fn(&str) -> Cow<'_, str>) {
    if let Cow::Owned(changed) = step(text) {
        *text = Cow::Owned(changed);
    }
}

// Entities

/// The named entities of HTML, as the WHATWG lists them: `name codepoints` by name; `name*` may
/// stand without its semicolon. Written by `tests/fixtures/make_tokenizer.py`.
static ENTITIES: LazyLock<Vec<(&str, &str)>> = LazyLock::new(|| {
    include_str!("entities.txt")
        .lines()
        .filter_map(|line| line.split_once(' '))
        .collect()
});

/// The characters of a named entity, given without ampersand, and with its semicolon if it has
/// one.
fn named(name: &str) -> Option<String> {
    let bare = name.strip_suffix(';').unwrap_or(name);
    let place = ENTITIES
        .binary_search_by(|(entry, _)| entry.trim_end_matches('*').cmp(bare))
        .ok()?;
    let (entry, codes) = ENTITIES[place];
    if !name.ends_with(';') && !entry.ends_with('*') {
        return None;
    }
    codes
        .split(' ')
        .map(|code| u32::from_str_radix(code, 16).ok().and_then(char::from_u32))
        .collect()
}

/// Decodes the unmistakable entities, those that end in a semicolon, and capital spellings of
/// them such as `&EACUTE;`.
fn unescape_closed(text: &str) -> Cow<'_, str> {
    static CLOSED: LazyLock<Regex> = LazyLock::new(|| pattern("&(#?[0-9A-Za-z]{1,24};)"));
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    CLOSED.replace_all(text, |found: &Captures<'_>| {
        let (whole, [name]) = found.extract();
        let decoded = if name.starts_with('#') {
            Some(unescape(whole).into_owned()).filter(|decoded| !decoded.contains(';'))
        } else {
            named(name).or_else(|| capitals(whole, name))
        };
        decoded.unwrap_or_else(|| whole.to_owned())
    })
}

/// An entity of a lower-case name that was written in capitals, unless that means something else.
fn capitals(whole: &str, name: &str) -> Option<String> {
    let spelled = !name.bytes().any(|b| b.is_ascii_lowercase()) && unescape(whole) == whole;
    let decoded = spelled.then(|| named(&name.to_ascii_lowercase()))??;
    Some(decoded.to_uppercase())
}

/// Decodes entities as HTML 5 does in running text, with and without semicolon.
fn unescape(text: &str) -> Cow<'_, str> {
    static ANY: LazyLock<Regex> =
        LazyLock::new(|| pattern("&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\\t\\n\\x0C <&#;]{1,32};?)"));
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    ANY.replace_all(text, |found: &Captures<'_>| {
        let (whole, [name]) = found.extract();
        let Some(number) = name.strip_prefix('#') else {
            return longest_named(name).unwrap_or_else(|| whole.to_owned());
        };
        let number = number.trim_end_matches(';');
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        numbered(code.unwrap_or(u32::MAX)).map_or_else(String::new, String::from)
    })
}

/// The entity that is `name` or begins it, and the rest.
fn longest_named(name: &str) -> Option<String> {
    named(name).or_else(|| {
        (2..name.len())
            .rev()
            .filter_map(|end| name.split_at_checked(end))
            .find_map(|(start, rest)| Some(named(start)? + rest))
    })
}

/// The character of a numeric entity; none for those that HTML forbids.
fn numbered(code: u32) -> Option<char> {
    match code {
        0 | 0xD800..=0xDFFF | 0x11_0000.. => Some(char::REPLACEMENT_CHARACTER),
        0x80..=0x9F => char::from_u32(code).map(windows),
        0x1..=0x8 | 0xB | 0xE..=0x1F | 0x7F | 0xFDD0..=0xFDEF => None,
        _ if code & 0xFFFE == 0xFFFE => None,
        _ => char::from_u32(code),
    }
}

// Wrong encodings

/// What Windows-1252 has at 0x80 to 0x9F, where Latin-1 has control characters. A space stands
/// for what it has not.
const WINDOWS: &str = "€ ‚ƒ„…†‡ˆ‰Š‹Œ Ž  ‘’“”•–—˜™š›œ žŸ";

/// A control character of Latin-1 as the character that Windows-1252 has in its place.
fn windows(c: char) -> char {
    let place = u32::from(c).checked_sub(0x80);
    place
        .and_then(|place| WINDOWS.chars().nth(place as usize))
        .filter(|meant| *meant != ' ')
        .unwrap_or(c)
}

/// The byte above 0x7F that is `c` in Windows-1252 or Latin-1.
fn high_byte(c: char) -> Option<u8> {
    match u32::from(c) {
        ..0x80 => None,
        code @ 0x80..=0xFF => u8::try_from(code).ok(),
        _ => {
            let place = WINDOWS.chars().position(|w| w == c)?;
            u8::try_from(0x80 + place).ok()
        }
    }
}

/// Turns UTF-8 that was read as Windows-1252 back into what it was: `cafÃ©` into `café`.
///
/// Where something in the line shows that it was misread, its runs of characters outside ASCII are
/// repaired if all of them can be, else those that show it themselves.
fn repair(text: &str) -> Cow<'_, str> {
    if !is_misread(text) {
        return Cow::Borrowed(text);
    }
    static RUN: LazyLock<Regex> = LazyLock::new(|| pattern("[^\\x00-\\x7F]+"));
    let all = RUN
        .find_iter(text)
        .all(|run| as_utf8(run.as_str()).is_some());
    RUN.replace_all(text, |run: &Captures<'_>| {
        let (run, []) = run.extract();
        as_utf8(run)
            .filter(|_| all || is_misread(run))
            .unwrap_or_else(|| run.to_owned())
    })
}

/// Whether there is something in a text that hardly occurs but in UTF-8 that was read as
/// Windows-1252: the beginning of a Latin, Greek or Cyrillic letter, of punctuation, of the euro
/// or of an emoji, or a control character of Latin-1.
fn is_misread(text: &str) -> bool {
    let letter = text
        .chars()
        .zip(text.chars().skip(1))
        .any(|(first, second)| {
            matches!(first, 'Â' | 'Ã' | 'Î' | 'Ð')
            // These come behind a word that ends in one of those letters.
            && !matches!(second, '…' | '’' | 'Œ' | 'Ž' | '¥')
            && high_byte(second).is_some_and(|byte| byte < 0xC0)
        });
    letter
        || ["â€", "â‚¬", "ðŸ"].iter().any(|start| text.contains(start))
        || text.contains(|c| ('\u{80}'..='\u{9f}').contains(&c))
}

/// What characters outside ASCII are as UTF-8, if they are that.
fn as_utf8(run: &str) -> Option<String> {
    let bytes = run.chars().map(high_byte).collect::<Option<Vec<u8>>>()?;
    String::from_utf8(bytes).ok()
}

// Characters

/// Replaces characters that stand for others: ligatures of Latin letters, full-width and
/// half-width forms, curly quotes, and control characters that were Windows-1252.
fn plain_forms(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut copied = 0;
    for (at, c) in text.char_indices() {
        if let Some(form) = plain(c) {
            out.push_str(&text[copied..at]);
            out.push_str(&form);
            copied = at + c.len_utf8();
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// How a character is written plainly, if otherwise.
fn plain(c: char) -> Option<Cow<'static, str>> {
    match c {
        '\u{80}'..='\u{9f}' => Some(windows(c).to_string().into()),
        'ﬅ' => Some("ſt".into()),
        'Ĳ' | 'ĳ' | 'ŉ' | 'Ǆ'..='ǌ' | 'Ǳ'..='ǳ' | 'ﬀ'..='ﬆ' | '\u{ff01}'..='\u{ffef}' => {
            let mut form = NormalizedString::from(c.to_string());
            NFKC.normalize(&mut form).ok()?;
            Some(form.get().to_owned().into())
        }
        '\u{2bc}' | '\u{2018}'..='\u{201b}' => Some("'".into()),
        '\u{201c}'..='\u{201f}' => Some("\"".into()),
        '\u{3000}' => Some(" ".into()),
        _ => None,
    }
}

/// Removes what colours text on a terminal.
fn without_escapes(text: &str) -> Cow<'_, str> {
    static ESCAPE: LazyLock<Regex> = LazyLock::new(|| pattern("\\x1B\\[[\\d;]*[a-zA-Z]"));
    if !text.contains('\u{1b}') {
        return Cow::Borrowed(text);
    }
    ESCAPE.replace_all(text, "")
}

/// Removes control characters that are neither white space nor part of a script or an emoji.
fn without_controls(text: &str) -> Cow<'_, str> {
    if !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace(is_control, ""))
}

fn is_control(c: char) -> bool {
    matches!(
        c,
        '\0'..='\u{8}' | '\u{b}' | '\u{e}'..='\u{1f}' | '\u{7f}' | '\u{206a}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffc}'
    )
}

/// Puts accents on their letters: NFC.
fn composed(text: &str) -> Cow<'_, str> {
    // Below U+0300 everything is composed.
    if text.chars().all(|c| c < '\u{300}') {
        return Cow::Borrowed(text);
    }
    let mut form = NormalizedString::from(text);
    match NFC.normalize(&mut form) {
        Ok(()) if form.get() != text => Cow::Owned(form.get().to_owned()),
        _ => Cow::Borrowed(text),
    }
}

/// A pattern that is written in the source.
pub(super) fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is well formed")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn clean_follows_the_reference_in_each_step() {
        for (text, cleaned) in [
            ("  A\tPhoto\r\nof\u{a0}\u{3000}a CAT ", "a photo of a cat"),
            ("", ""),
            // Composed, and the last sigma of a word.
            ("Cafe\u{301} ΟΔΟΣ", "caf\u{e9} οδος"),
            ("Ben &amp; Jerry&rsquo;s", "ben & jerry's"),
            ("P&EACUTE;REZ &SZLIG; &nTILDE;", "pérez ss &ntilde;"),
            ("&amp;amp;amp;eacute; &amp;#233;", "é é"),
            (
                "&eacute &eacutes &notit; AT&T &#65 &#x41g",
                "é és ¬it; at&t a ag",
            ),
            (
                "&#128; &#0; &#1; &#xD800; &#99999999999;",
                "€ \u{fffd} \u{fffd} \u{fffd}",
            ),
            // Where there is a `<`, entities are decoded twice and quotes stay curly.
            ("<b>&amp;amp;amp; &rsquo;", "<b>&amp; \u{2019}"),
            ("“don’t” ﬁne ﬅ Ǆ ＣＡＴ ｶﾞ", "\"don't\" fine ſt dž cat ガ"),
            ("\u{1b}[1;31mred\u{1b}[0m a\0b\u{feff}\u{7f}", "red ab"),
            ("it\u{92}s \u{93}so\u{94}", "it's \"so\""),
            ("cafÃ© â€œhiâ€\u{9d} ÐºÐ¾Ñ‚ ðŸ˜€", "café \"hi\" кот 😀"),
            ("ÃƒÂ© ÅºÃ³", "é źó"),
        ] {
            assert_eq!(clean(text), cleaned, "{text:?}");
        }
    }

    #[test]
    fn repair_leaves_honest_letters() {
        for text in [
            "amanhã…",
            "«café»",
            "españa»",
            "irmã’s",
            "20°",
            "žlutý½",
            "łódź°",
            "é®",
        ] {
            let capitals = text.to_uppercase();
            assert_eq!(repair(text), text);
            assert_eq!(repair(&capitals), capitals);
        }
    }

    #[test]
    fn named_reads_every_entity_of_the_sorted_list() {
        assert_eq!(ENTITIES.len(), 2125);
        let names = ENTITIES.iter().map(|(name, _)| name.trim_end_matches('*'));
        assert!(names.clone().is_sorted_by(|a, b| a < b));
        for name in names {
            assert!(named(&format!("{name};")).is_some_and(|text| !text.is_empty()));
        }
        assert_eq!(named("eacute"), named("eacute;"));
        assert_eq!(named("alpha"), None);
    }

    #[test]
    fn clean_stops_decoding_entities_in_entities() {
        let deep = format!("&{}lt;", "amp;".repeat(10 * ROUNDS));
        assert!(clean(&deep).ends_with("amp;lt;"));
        let enough = format!("&{}lt;", "amp;".repeat(ROUNDS));
        assert_eq!(clean(&enough), "<");
    }

    proptest! {
        #[test]
        fn clean_returns_one_line_without_controls(text in "(\\PC|\\pC|&|;|<|Ã|é|\\s){0,40}") {
            let text = clean(&text);
            prop_assert_eq!(text.trim(), &text);
            let odd = text.contains("  ") || text.contains(is_control) || text.contains(['\n', '\t']);
            prop_assert!(!odd, "{:?}", text);
        }

        /// Without entities, which are decoded anew each time, and capitals, which may compose
        /// with accents only once they are small.
        #[test]
        fn clean_leaves_clean_text(text in "(\\PC|\\pC|<|Ã|é|ﬁ|’|\\s){0,40}") {
            let once = clean(&text.to_lowercase().replace('&', ""));
            prop_assert_eq!(clean(&once), once);
        }
    }
}
