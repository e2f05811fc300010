//! `waypost completions`: a shell's completion script.

use super::console::Console;

pub(super) const EXAMPLES: &str = "\
Examples:
  waypost completions bash > /etc/bash_completion.d/waypost
  waypost completions zsh  > ~/.zfunc/_waypost
  waypost completions fish > ~/.config/fish/completions/waypost.fish";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell
    shell: clap_complete::Shell,
}

pub(super) fn run(
    args: &Args,
    mut command: clap::Command,
    console: &mut Console,
) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "waypost", &mut script);
    Ok(console.raw(&script)?)
}
