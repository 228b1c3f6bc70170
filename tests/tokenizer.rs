//! Token ids are those of OpenAI's CLIP tokenizer.
//!
//! Texts and ids come from `fixtures/make_tokenizer.py`, with the vocabulary that OpenAI's CLIPs
//! and most of OpenCLIP's have.

use std::io::Read;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use wordmask::clip::{TextConfig, Tokenizer};
use wordmask::kernel::Activation;

const START: u32 = 49_406;
const END: u32 = 49_407;
const CONTEXT: usize = 77;

static TOKENIZER: LazyLock<Tokenizer> = LazyLock::new(|| published(CONTEXT));

/// The tokenizer of OpenAI's CLIPs, for a tower of this context.
fn published(context: usize) -> Tokenizer {
    Tokenizer::from_bytes(&tokenizer_json(), &config(context)).expect("the tokenizer fits")
}

fn config(context: usize) -> TextConfig {
    TextConfig {
        vocabulary: 49_408,
        context,
        width: 512,
        layers: 12,
        heads: 8,
        mlp: 2048,
        activation: Activation::QuickGelu,
        norm_eps: 1e-5,
        end_of_text: END,
    }
}

/// Its `tokenizer.json`: the bytes as characters, the same at the end of a word, what the merges
/// make, and the special tokens.
fn tokenizer_json() -> Vec<u8> {
    let packed = include_bytes!("fixtures/tokenizer/merges.txt.gz");
    let mut merges = String::new();
    flate2::read::GzDecoder::new(packed.as_slice())
        .read_to_string(&mut merges)
        .expect("the merges unpack");
    let visible = |b: &u8| matches!(b, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let (mut letters, others): (Vec<u8>, Vec<u8>) = (0..=255).partition(visible);
    letters.sort_unstable();
    let letters: Vec<String> = letters
        .into_iter()
        .map(char::from)
        .chain(('\u{100}'..).take(others.len()))
        .map(String::from)
        .collect();
    let tokens = letters
        .iter()
        .cloned()
        .chain(letters.iter().map(|letter| format!("{letter}</w>")))
        .chain(merges.lines().map(|line| line.replacen(' ', "", 1)))
        .chain(["<|startoftext|>".into(), "<|endoftext|>".into()]);
    let vocab: serde_json::Map<_, _> = tokens.zip((0..).map(u32::into)).collect();
    assert_eq!(vocab.len(), 49_408, "every token is another");
    let json = serde_json::json!({
        "model": {
            "type": "BPE",
            "unk_token": "<|endoftext|>",
            "end_of_word_suffix": "</w>",
            "vocab": vocab,
            "merges": merges.lines().collect::<Vec<_>>(),
        },
        "post_processor": {
            "type": "RobertaProcessing",
            "sep": ["<|endoftext|>", END],
            "cls": ["<|startoftext|>", START],
        },
    });
    serde_json::to_vec(&json).expect("values are JSON")
}

fn encode(text: &str) -> Vec<u32> {
    TOKENIZER.encode(text).expect("ids")
}

#[test]
fn encode_matches_the_reference() {
    let cases: Vec<(String, Vec<u32>)> =
        serde_json::from_str(include_str!("fixtures/tokenizer/cases.json")).expect("cases");
    assert!(cases.len() >= 2000, "{} cases", cases.len());
    let wrong: Vec<_> = cases
        .iter()
        .filter(|(text, expected)| encode(text) != *expected)
        .collect();
    for (text, expected) in wrong.iter().take(20) {
        let text: String = text.chars().take(80).collect();
        eprintln!(
            "{text:?}\n  is        {:?}\n  should be {expected:?}",
            encode(&text)
        );
    }
    assert!(
        wrong.is_empty(),
        "{} of {} differ",
        wrong.len(),
        cases.len()
    );
}

#[test]
fn encode_reads_special_tokens_in_a_text_as_words() {
    for special in [
        "<|endoftext|>",
        "<|startoftext|>",
        "<|ENDOFTEXT|>",
        "&lt;|endoftext|&gt;",
        "＜|endoftext|＞",
        "<end_of_text>",
        "<start_of_text>",
    ] {
        let ids = encode(&format!("a cat {special} on a sofa"));
        let inner = &ids[1..ids.len() - 1];
        assert!(inner.iter().all(|id| *id < START), "{special}: {ids:?}");
        assert!(inner.starts_with(&encode("a cat")[1..3]));
        assert!(inner.ends_with(&encode("on a sofa")[1..4]), "{special}");
    }
}

#[test]
fn encode_takes_milliseconds_for_long_texts() {
    // What is slow in a careless implementation: one word, entities in entities, many
    // candidates for an entity, many characters to normalise.
    let texts = [
        "etaoinshrdlu".repeat(8_500),
        "a".repeat(100_000),
        "cat dog ".repeat(12_500),
        "!".repeat(100_000),
        "e\u{301}".repeat(33_000),
        "ﬁ".repeat(33_000),
        "ＡＢ".repeat(16_000),
        "Ã©".repeat(25_000),
        format!("&{}", "amp;".repeat(25_000)),
        format!("&{}", "#38;".repeat(25_000)),
        format!("&{}", "a".repeat(99_000)),
        format!("<{}", "&a".repeat(50_000)),
        "\u{1b}[1;".repeat(20_000),
        "a\n".repeat(50_000),
    ];
    let start = Instant::now();
    for text in &texts {
        let ids = encode(text);
        assert!(ids.len() <= CONTEXT && ids.last() == Some(&END));
    }
    // Half a second in an optimised build. Anything quadratic takes minutes.
    assert!(
        start.elapsed() < Duration::from_secs(120),
        "{:?}",
        start.elapsed()
    );
}

/// Pieces of text that mean something to the cleaning, and any others.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "\\PC{0,6}",
        1 => "[\\pC\\s]{0,3}",
        1 => prop::sample::select(vec![
            "&amp;", "&#", "&eacute", ";", "<", "<|endoftext|>", "'LL", "’ve", "\u{1b}[0m", "Ã©", "â€™", "ﬁ", "\u{345}", "ſ",
        ]).prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn encode_puts_any_text_between_start_and_end(text in text()) {
        let ids = encode(&text);
        prop_assert!((2..=CONTEXT).contains(&ids.len()));
        prop_assert_eq!((ids[0], ids[ids.len() - 1]), (START, END));
        prop_assert!(ids[1..ids.len() - 1].iter().all(|id| *id < START));
    }

    /// What is cut off changes nothing in what is left.
    #[test]
    fn encode_gives_a_shorter_context_the_same_ids(text in text()) {
        static SHORT: LazyLock<Vec<Tokenizer>> =
            LazyLock::new(|| [2, 3, 8, 30].map(published).into());
        let all = encode(&text);
        for (tokenizer, context) in SHORT.iter().zip([2, 3, 8, 30]) {
            let ids = tokenizer.encode(&text).expect("ids");
            let mut expected = all.clone();
            if expected.len() > context {
                expected.truncate(context);
                expected[context - 1] = END;
            }
            prop_assert_eq!(ids, expected);
        }
    }
}
