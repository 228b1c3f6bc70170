//! The command line: thin, no logic.

// First: its macros stand for those of the standard library in all that follows.
#[macro_use]
mod stdio;

mod args;
mod commands;
mod eval;
mod import;
mod inputs;
mod outputs;
mod progress;
mod segment;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

fn main() -> ExitCode {
    let args = Args::parse();
    let json = args.command.json();
    let done = match args.command {
        Command::Segment(segment) => segment::segment(&segment),
        Command::Classify(classify) => commands::classify(&classify),
        Command::Eval(eval) => eval::eval(&eval),
        Command::Merge(merge) => eval::merge(&merge),
        Command::Scenes(scenes) => commands::scenes(&scenes),
        Command::Import(import) => import::import(&import),
        Command::Info(info) => commands::info(&info),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error, json);
            ExitCode::FAILURE
        }
    }
}

/// Prints an error: a sentence for people, an object for machines.
fn report(error: &wordmask::Error, json: bool) {
    if json {
        let object =
            serde_json::json!({ "error": { "code": error.code(), "message": error.to_string() } });
        eprintln!("{object}");
    } else {
        eprintln!("wordmask: {error}");
    }
}
