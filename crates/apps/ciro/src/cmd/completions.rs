//! `ciro completions`: a script for the user's shell.

use crate::cli::{Cli, CompletionsArgs};
use crate::error::CliError;
use crate::ui::Ui;
use clap::{Arg, Command, CommandFactory as _};
use clap_complete::Shell;

pub(crate) fn run(args: &CompletionsArgs, ui: &Ui) -> Result<(), CliError> {
    let (mut command, mut script) = (Cli::command(), Vec::new());
    clap_complete::generate(args.shell, &mut command, "ciro", &mut script);
    let more = if args.shell == Shell::Fish { words_for_fish(&command) } else { String::new() };
    ui.data(format!("{}{more}", String::from_utf8_lossy(&script)).trim_end())
}

/// Words that complete after a subcommand without an option before them: the generator for fish leaves them out.
fn words_for_fish(command: &Command) -> String {
    let line = |subcommand: &Command| {
        let values = subcommand.get_positionals().flat_map(Arg::get_possible_values);
        let words: Vec<String> = values.map(|value| value.get_name().to_string()).collect();
        let condition = format!("__fish_ciro_using_subcommand {}", subcommand.get_name());
        (!words.is_empty()).then(|| format!("complete -c ciro -n \"{condition}\" -f -a \"{}\"\n", words.join(" ")))
    };
    command.get_subcommands().filter_map(line).collect()
}
