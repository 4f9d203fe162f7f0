//! `bookend completions` and `bookend man`: shell completions and manual pages, generated from the command line.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;

/// Print a completion script for a shell
///
/// For bash: bookend completions bash > ~/.local/share/bash-completion/completions/bookend
#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    #[arg(value_enum)]
    shell: Shell,
}

/// Write the manual pages, one per command
#[derive(Debug, Args)]
pub(crate) struct ManArguments {
    /// The folder for bookend.1, bookend-chat.1 and so on
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

/// The completion script.
pub(crate) fn completions(arguments: &CompletionsArguments, mut command: Command) -> Vec<u8> {
    let mut out = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "bookend", &mut out);
    out
}

/// Writes the pages and returns their paths, one per line.
pub(crate) fn man(arguments: &ManArguments, mut command: Command) -> io::Result<Vec<u8>> {
    fs::create_dir_all(&arguments.folder)?;
    command.build();
    let mut written = String::new();
    let mut write = |command: Command, name: &str| -> io::Result<()> {
        let mut page = Vec::new();
        Man::new(command).render(&mut page)?;
        let path = arguments.folder.join(format!("{name}.1"));
        fs::write(&path, page)?;
        written += &format!("{}\n", Path::display(&path));
        Ok(())
    };
    write(command.clone(), "bookend")?;
    for part in command.get_subcommands().filter(|part| part.get_name() != "help") {
        write(part.clone(), &format!("bookend-{}", part.get_name()))?;
    }
    Ok(written.into_bytes())
}
