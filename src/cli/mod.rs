//! The front door: one file per command.

mod app;
mod audit;
mod config;
mod demo;
mod desk;
mod discover;
mod findings;
mod formats;
mod functions;
mod grant;
mod grants;
mod history;
mod init;
mod mask;
mod output;
mod plan;
mod progress;
mod query;
mod records;
mod results;
mod role;
mod run;
mod shell;
mod tables;
mod verify;
mod why;
mod workflow;

use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::engine::on_deep_stack;
use crate::error::{Error, Result};
use crate::settings::Overrides;

/// Makes a data lake safe to read: finds personal data, masks it, publishes masked tables, answers queries.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused (something personal would have stayed readable, or a join
/// would break), 130 stopped by Ctrl-C.
#[derive(Parser, Debug)]
#[command(name = "saltlake", version, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

/// Flags that every command takes.
#[derive(Args, Debug)]
struct GlobalArgs {
    /// The settings file, instead of the nearest saltlake.toml upward from here
    #[arg(long, global = true, value_name = "FILE", help_heading = "Settings")]
    config: Option<std::path::PathBuf>,
    /// The raw lake: a folder or `s3://bucket/prefix/`
    #[arg(long, global = true, value_name = "LOCATION", help_heading = "Settings")]
    lake: Option<String>,
    /// Where masked tables go: a folder or `s3://bucket/prefix/`
    #[arg(long, global = true, value_name = "LOCATION", help_heading = "Settings")]
    masked: Option<String>,
    /// The AWS region
    #[arg(long, global = true, help_heading = "Settings")]
    region: Option<String>,
    /// The AWS profile
    #[arg(long, global = true, help_heading = "Settings")]
    profile: Option<String>,
    /// One endpoint for all AWS services
    #[arg(long, global = true, value_name = "URL", help_heading = "Settings")]
    endpoint_url: Option<String>,
    /// Any setting, such as --set engine.threads=4; without a dot, a variable of `run`'s scripts. May be repeated
    #[arg(long, global = true, value_name = "KEY=VALUE", help_heading = "Settings")]
    set: Vec<String>,
    /// Say on standard error what is being done
    #[arg(short, long, global = true)]
    verbose: bool,
}

impl GlobalArgs {
    fn overrides(&self) -> Overrides {
        let mut overrides = Overrides { config: self.config.clone(), set: self.set.clone(), ..Overrides::default() };
        let flags = [
            ("lake.location", &self.lake),
            ("masked.location", &self.masked),
            ("aws.region", &self.region),
            ("aws.profile", &self.profile),
            ("aws.endpoint_url", &self.endpoint_url),
        ];
        for (path, value) in flags {
            if let Some(value) = value {
                overrides = overrides.with(path, value);
            }
        }
        overrides
    }
}

#[derive(Subcommand, Debug)]
enum Command {
    Demo(demo::DemoArgs),
    Init(init::InitArgs),
    Config(config::ConfigArgs),
    Tables(tables::TablesArgs),
    Discover(discover::DiscoverArgs),
    Plan(plan::PlanArgs),
    Mask(mask::MaskArgs),
    Run(run::RunArgs),
    Verify(verify::VerifyArgs),
    Grant(grant::GrantArgs),
    Why(why::WhyArgs),
    Query(query::QueryArgs),
    Shell(shell::ShellArgs),
    History(history::HistoryArgs),
    Results(results::ResultsArgs),
    Functions(functions::FunctionsArgs),
}

/// Runs the program and returns its exit code.
pub fn main() -> ExitCode {
    output::hide_panic_texts();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // clap's own exit codes: 0 for --help and --version, 2 for wrong usage.
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    output::start_log(cli.global.verbose);
    match on_deep_stack(|| dispatch(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::print_error(&error);
            ExitCode::from(error.kind().exit_code())
        }
    }
}

fn dispatch(cli: Cli) -> Result<()> {
    let overrides = cli.global.overrides();
    match cli.command {
        Command::Demo(args) => demo::run(&args, &overrides),
        Command::Init(args) => init::run(&args, &mut output::stdout()),
        Command::Config(args) => config::run(&args, &overrides, &mut output::stdout()),
        Command::Functions(args) => functions::run(&args),
        Command::Shell(args) => shell::run(&args, &overrides),
        Command::Tables(args) => app::with_app(&overrides, async |app| tables::run(&args, app).await),
        Command::Discover(args) => {
            let overrides = findings::with_sources(overrides, &args.findings);
            app::with_app(&overrides, async |app| discover::run(&args, app).await)
        }
        Command::Plan(args) => {
            let overrides = findings::with_sources(overrides, &args.findings);
            app::with_app(&overrides, async |app| plan::run(&args, app).await)
        }
        Command::Mask(args) => {
            let overrides = findings::with_sources(overrides, &args.findings);
            app::with_writing_app(&overrides, async |app| mask::run(&args, app).await)
        }
        Command::Run(args) => {
            let mut overrides = findings::with_sources(overrides, &args.findings);
            let variables = run::variables::take(&mut overrides.set);
            app::with_writing_app(&overrides, async |app| run::run(&args, app, &variables).await)
        }
        Command::Verify(args) => app::with_app(&overrides, async |app| verify::run(&args, app).await),
        Command::Grant(args) => app::with_app(&overrides, async |app| grant::run(&args, app).await),
        Command::Why(args) => app::with_app(&overrides, async |app| why::run(&args, app).await),
        Command::History(args) => app::with_app(&overrides, async |app| history::run(&args, app).await),
        Command::Results(args) => app::with_app(&overrides, async |app| results::run(&args, app).await),
        Command::Query(args) => {
            let overrides = findings::with_sources(overrides, &args.findings);
            app::with_writing_app(&overrides, async |app| Box::pin(query::run(&args, app)).await)
        }
    }
}

/// The program's own help pages, for the reference in `docs/`.
pub fn help_pages() -> String {
    let mut page = String::from("<!-- Made from src/cli: UPDATE_GOLDEN=1 cargo test -->\n# Commands\n\n");
    let mut command = Cli::command().term_width(100);
    page.push_str(&format!("```text\n{}```\n", command.render_long_help()));
    for sub in command.get_subcommands_mut() {
        if sub.get_name() == "help" {
            continue;
        }
        let name = sub.get_name().to_owned();
        let help = sub.clone().bin_name(format!("saltlake {name}")).render_long_help();
        page.push_str(&format!("\n## saltlake {name}\n\n```text\n{help}```\n"));
    }
    page
}

/// The tables of the shell's commands, keys and options, for the page in `docs/`.
pub fn shell_reference() -> String {
    shell::reference()
}

/// An error while writing to standard output.
fn output_fault(error: &std::io::Error) -> Error {
    output::fault(error)
}
