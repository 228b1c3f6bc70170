//! `println!` and `eprintln!` for the whole command line, in place of those of the standard library,
//! which panic when nobody reads any more: `wordmask … | head -1` has to end quietly.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};

macro_rules! println {
    ($($text:tt)*) => {
        $crate::stdio::print(format_args!($($text)*))
    };
}

macro_rules! eprintln {
    ($($text:tt)*) => {
        $crate::stdio::print_error(format_args!($($text)*))
    };
}

/// Writes a line to standard output. Ends the program if that cannot be done: quietly if the reader
/// has gone, as it has seen what it wanted; else, on a full disk for one, as a failure.
pub(crate) fn print(text: Arguments<'_>) {
    let written = writeln!(io::stdout(), "{text}");
    match written.map_err(|error| (error.kind(), error)) {
        Ok(()) => {}
        Err((ErrorKind::BrokenPipe, _)) => std::process::exit(0),
        Err((_, error)) => {
            eprintln!("wordmask: standard output cannot be written: {error}");
            std::process::exit(1);
        }
    }
}

/// Writes a line to standard error. If that fails there is nowhere to report it, and the work goes
/// on.
pub(crate) fn print_error(text: Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{text}");
}
