//! FACE · the operator: server and administrator's tool in one program.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::config::Config;

mod api_key;
mod audit;
mod bootstrap;
mod client;
mod config;
mod doctor;
mod first_administrator;
mod group;
mod installation;
mod issuer;
mod issuer_tokens;
mod key;
mod key_file;
mod m2m;
mod mcp;
mod migrate;
mod outcome;
mod personal_token;
mod policy;
mod registration_token;
mod run_program;
mod serve;
mod server;
mod server_file;
mod token_file;
mod user;
mod workspace;

use outcome::{Failure, Report};

/// The front gate for MCP: authorization server, guarded MCP endpoint and keys office in one program.
///
/// Without a command it serves. Settings come from PORTCULLIS_* variables and from portcullis.toml; `portcullis config` lists
/// them with where each came from. Exit status: 0 done, 1 refused or failed, 2 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, max_term_width = 100)]
struct Cli {
    /// Read settings from this file instead of portcullis.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve HTTP until stopped (what happens without a command)
    Serve,
    /// Bring the database schema up to date
    Migrate(migrate::Migrate),
    /// Write what every installation begins with, and make the first administrator
    Bootstrap(bootstrap::Bootstrap),
    /// Print the effective settings and where each came from
    Config(config::PrintConfig),
    /// Examine an MCP URL, ours or any other, as each known client would connect to it
    Doctor(doctor::Doctor),
    /// Use an MCP endpoint: shake hands, ping, list tools, call one
    Mcp(mcp::Mcp),
    /// Add a person
    UserCreateHuman(user::CreateHuman),
    /// Forget the second factors of somebody who has lost them; their password stays
    UserResetFactors(user::ResetFactors),
    /// Register an OAuth client by hand
    ClientAdd(Box<client::Add>),
    /// List OAuth clients, newest first
    ClientList(client::List),
    /// Cut an OAuth client off: it gets nothing more, and what it has stops working
    ClientDisable(client::Named),
    /// Let an OAuth client act again
    ClientEnable(client::Named),
    /// Remove an OAuth client; whatever it holds stops at once
    ClientRemove(client::Named),
    /// Give an OAuth client another secret; the one before stays good for the overlap
    ClientRotateSecret(client::RotateSecret),
    /// Make an API key, which is shown once
    ApiKeyCreate(Box<api_key::Create>),
    /// List API keys, newest first
    ApiKeyList(api_key::List),
    /// Revoke an API key: it stops working at once, for good
    ApiKeyRevoke(api_key::Named),
    /// Let another API key with the same settings take the place of one
    ApiKeyRotate(api_key::Rotate),
    /// Add a program that acts for itself
    UserCreateM2m(m2m::CreateM2m),
    /// Give a program another secret; the one before is worthless within two seconds
    UserRotateM2m(m2m::Named),
    /// Remove a program
    UserDeleteM2m(m2m::Named),
    /// Make a group
    #[command(alias = "create-group")]
    GroupCreate(group::CreateGroup),
    /// Remove a group, and everybody from it
    #[command(alias = "group-delete")]
    DeleteGroup(group::Named),
    /// List groups, and how many are in each
    #[command(alias = "group-list")]
    ListGroups,
    /// Show who is in a group, and which policies are for it
    DescribeGroup(group::Named),
    /// Let groups use a server, or put somebody into groups
    AddToGroups(group::Membership),
    /// Let groups use a server no more, or take somebody out of groups
    RemoveFromGroups(group::Membership),
    /// Make groups and what they may do, from a file of another system
    ImportGroup(policy::ImportGroup),
    /// See and change what groups may do at which servers
    #[command(subcommand)]
    Policy(policy::Policy),
    /// Look up and copy who did what
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Make a workspace
    WorkspaceCreate(workspace::Create),
    /// List workspaces with their projects and folders
    WorkspaceList,
    /// Give a workspace another name or title
    WorkspaceRename(workspace::Rename),
    /// Remove a workspace that nothing is in
    WorkspaceRemove(workspace::Named),
    /// Put somebody into a workspace
    WorkspaceMemberAdd(workspace::MemberAdd),
    /// Take somebody out of a workspace
    WorkspaceMemberRemove(workspace::MemberRemove),
    /// Make a project in a workspace
    ProjectCreate(workspace::CreateBelow),
    /// Make a folder in a project
    FolderCreate(workspace::CreateBelow),
    /// Register an MCP server, and look which tools it has
    Register(Box<server::Register>),
    /// List the registered servers
    List(server::List),
    /// Switch a server on or off
    Toggle(server::Toggle),
    /// Remove a server; clients that use it get 404 from then on
    Remove(server::Named),
    /// Look how servers are, and which tools they have
    Healthcheck(server::Healthcheck),
    /// Look at one server now
    Refresh(server::Named),
    /// List the tools of a server, and what each counts as
    Tools(server::Named),
    /// Say what a tool of a server does: read, write or delete
    ToolClass(server::ToolClass),
    /// Move a server to another workspace, project or folder
    ServerMove(workspace::MoveServer),
    /// Trust an issuer whose signed statements buy tokens here
    IssuerAdd(issuer::Add),
    /// List the trusted issuers and their rules
    IssuerList(issuer::List),
    /// Trust an issuer no more
    IssuerRemove(issuer::Remove),
    /// Say which access tokens of an issuer open the MCP servers here as they are
    IssuerAcceptTokens(issuer_tokens::Accept),
    /// Say which workloads of an issuer act as which service account
    IssuerRuleAdd(issuer::RuleAdd),
    /// Say who somebody of an issuer is here
    IssuerLink(issuer::Link),
    /// Say that somebody of an issuer is nobody here any more
    IssuerUnlink(issuer::Account),
    /// List and rotate the keys that sign tokens
    #[command(subcommand)]
    Key(key::Key),
    /// Let somebody register clients where not everybody may: make an initial access token
    RegistrationTokenCreate(registration_token::Create),
    /// List the initial access tokens, newest first
    RegistrationTokenList,
    /// Withdraw an initial access token; clients that it registered stay
    RegistrationTokenRevoke(registration_token::Revoke),
    /// Make a personal access token for somebody
    TokenCreate(personal_token::Create),
    /// List personal access tokens, newest first
    TokenList(personal_token::List),
    /// Let another personal access token take the place of one, which lives on for a while
    TokenRotate(personal_token::Rotate),
    /// Revoke a personal access token, for good
    TokenRevoke(personal_token::Revoke),
    /// Show what the token in a file says of itself
    TokenInspect(personal_token::Inspect),
    /// Become a program that serves MCP, within limits (for `serve` itself)
    #[command(hide = true)]
    RunProgram(run_program::RunProgram),
}

/// The grammar of the command line, for whoever describes or checks one.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Does what the arguments say.
pub fn main() -> ExitCode {
    // Two libraries bring a TLS provider of their own; this is the one that all use.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => {
            let _ = usage.print();
            return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(2));
        }
    };
    let json = cli.json;
    match run(cli) {
        Ok(report) => report.print(json),
        Err(failure) => failure.print(),
    }
}

fn run(cli: Cli) -> Result<Report, Failure> {
    // It has neither settings nor an environment to read them from.
    if let Some(Command::RunProgram(verb)) = cli.command {
        return verb.run().map(|never| match never {});
    }
    let loaded = Config::from_environment(cli.config.as_deref()).map_err(Failure::usage)?;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::run(&loaded, cli.json),
        Command::Migrate(verb) => verb.run(loaded.config),
        Command::Bootstrap(verb) => verb.run(loaded.config),
        Command::Config(verb) => Ok(verb.run(&loaded)),
        Command::Doctor(verb) => verb.run(&loaded.config),
        Command::Mcp(verb) => verb.run(&loaded.config),
        Command::UserCreateHuman(verb) => verb.run(loaded.config),
        Command::UserResetFactors(verb) => verb.run(loaded.config),
        Command::ClientAdd(verb) => verb.run(loaded.config),
        Command::ClientList(verb) => verb.run(loaded.config),
        Command::ClientDisable(verb) => verb.disable(loaded.config),
        Command::ClientEnable(verb) => verb.enable(loaded.config),
        Command::ClientRemove(verb) => verb.remove(loaded.config),
        Command::ClientRotateSecret(verb) => verb.run(loaded.config),
        Command::ApiKeyCreate(verb) => verb.run(loaded.config),
        Command::ApiKeyList(verb) => verb.run(loaded.config),
        Command::ApiKeyRevoke(verb) => verb.revoke(loaded.config),
        Command::ApiKeyRotate(verb) => verb.run(loaded.config),
        Command::UserCreateM2m(verb) => verb.run(loaded.config),
        Command::UserRotateM2m(verb) => verb.rotate(loaded.config),
        Command::UserDeleteM2m(verb) => verb.remove(loaded.config),
        Command::GroupCreate(verb) => verb.run(loaded.config),
        Command::DeleteGroup(verb) => verb.remove(loaded.config),
        Command::ListGroups => group::list(loaded.config),
        Command::DescribeGroup(verb) => verb.describe(loaded.config),
        Command::AddToGroups(verb) => verb.run(loaded.config, true),
        Command::RemoveFromGroups(verb) => verb.run(loaded.config, false),
        Command::ImportGroup(verb) => verb.run(loaded.config),
        Command::Policy(verb) => verb.run(loaded.config),
        Command::Audit(verb) => verb.run(loaded.config),
        Command::WorkspaceCreate(verb) => verb.run(loaded.config),
        Command::WorkspaceList => workspace::list(loaded.config),
        Command::WorkspaceRename(verb) => verb.run(loaded.config),
        Command::WorkspaceRemove(verb) => verb.remove(loaded.config),
        Command::WorkspaceMemberAdd(verb) => verb.run(loaded.config),
        Command::WorkspaceMemberRemove(verb) => verb.run(loaded.config),
        Command::ProjectCreate(verb) => verb.project(loaded.config),
        Command::FolderCreate(verb) => verb.folder(loaded.config),
        Command::Register(verb) => verb.run(loaded.config),
        Command::List(verb) => verb.run(loaded.config),
        Command::Toggle(verb) => verb.run(loaded.config),
        Command::Remove(verb) => verb.remove(loaded.config),
        Command::Healthcheck(verb) => verb.run(loaded.config),
        Command::Refresh(verb) => verb.refresh(loaded.config),
        Command::Tools(verb) => verb.tools(loaded.config),
        Command::ToolClass(verb) => verb.run(loaded.config),
        Command::ServerMove(verb) => verb.run(loaded.config),
        Command::IssuerAdd(verb) => verb.run(loaded.config),
        Command::IssuerList(verb) => verb.run(loaded.config),
        Command::IssuerRemove(verb) => verb.run(loaded.config),
        Command::IssuerAcceptTokens(verb) => verb.run(loaded.config),
        Command::IssuerRuleAdd(verb) => verb.run(loaded.config),
        Command::IssuerLink(verb) => verb.run(loaded.config),
        Command::IssuerUnlink(verb) => verb.unlink(loaded.config),
        Command::Key(verb) => verb.run(loaded.config),
        Command::RegistrationTokenCreate(verb) => verb.run(loaded.config),
        Command::RegistrationTokenList => registration_token::list(loaded.config),
        Command::RegistrationTokenRevoke(verb) => verb.run(loaded.config),
        Command::TokenCreate(verb) => verb.run(loaded.config),
        Command::TokenList(verb) => verb.run(loaded.config),
        Command::TokenRotate(verb) => verb.run(loaded.config),
        Command::TokenRevoke(verb) => verb.run(loaded.config),
        Command::TokenInspect(verb) => verb.run(),
        Command::RunProgram(verb) => verb.run().map(|never| match never {}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        command().debug_assert();
    }

    #[test]
    fn global_options_go_before_or_after_the_verb() {
        for line in ["portcullis --json config", "portcullis config --json"] {
            assert!(Cli::try_parse_from(line.split(' ')).unwrap().json, "{line}");
        }
        assert!(Cli::try_parse_from(["portcullis"]).unwrap().command.is_none());
    }
}
