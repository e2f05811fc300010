//! Mailgun's own clients and receivers, written by others and installed as published, against a
//! running gateway.

mod anymail;
pub(crate) mod install;
pub(crate) mod recipes;

use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use crate::support::api::Api;
use crate::support::process::{API_KEY, Process};
use crate::support::skip;

#[test]
fn mailgun_js_works_through_the_form_data_package() {
    manages(install::node("mailgun.cjs"), "form-data");
}

#[test]
fn mailgun_js_works_through_nodes_own_form_data() {
    manages(install::node("mailgun.cjs"), "native");
}

#[test]
fn mailgun_js_works_through_fetch() {
    manages(install::node("mailgun.cjs"), "fetch");
}

#[test]
fn the_archived_mailgun_js_works() {
    manages(install::node("mailgun-js.cjs"), "api");
}

#[test]
fn mailguns_python_client_works() {
    manages(install::python("mailgun_sdk.py"), "sync");
}

#[test]
fn mailguns_asynchronous_python_client_works() {
    manages(install::python("mailgun_sdk.py"), "async");
}

/// Runs a client's story against a gateway of its own.
fn manages(client: Result<Command, String>, story: &str) {
    let mut client = match client {
        Ok(client) => client,
        Err(missing) => return skip(&missing),
    };
    let data = TempDir::new().unwrap();
    let gateway = Process::start(data.path());
    client.arg(story).env("WAYPOST_URL", &gateway.url).env("WAYPOST_API_KEY", API_KEY);
    if let Err(told) = install::run(&mut client) {
        panic!("{told}");
    }
}

#[tokio::test]
async fn curl_works_with_every_encoding_of_the_manual() {
    if Command::new("curl").arg("--version").output().is_err() {
        return skip("cannot run curl");
    }
    let data = TempDir::new().unwrap();
    let gateway = Process::start(data.path());
    let curl = |path: &str, arguments: &[&str]| {
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--fail-with-body", "--max-time", "30"]);
        command.args(["--user", &format!("api:{API_KEY}")]).args(arguments);
        let told = install::run(command.arg(format!("{}{path}", gateway.url)));
        told.unwrap_or_else(|told| panic!("{path} {arguments:?}: {told}"));
    };
    let hooks = "/v3/domains/curl.example.com/webhooks";
    let [one, two] = ["https://one.example.com/?a=1", "https://two.example.com/"];
    let [url_one, url_two] = [format!("url={one}"), format!("url={two}")];

    curl("/v3/domains", &["-F", "name=curl.example.com"]);
    curl(hooks, &["-F", "id=clicked", "-F", &url_one, "-F", &url_two]);
    curl(hooks, &["-d", "id=opened", "--data-urlencode", &url_one]);
    curl(hooks, &["-G", "-X", "POST", "-d", "id=delivered", "--data-urlencode", &url_two]);
    curl(&format!("/{hooks}"), &["-F", "id=complained", "-F", &url_one]);
    curl(&format!("{hooks}/opened"), &["-X", "PUT", "-F", &url_two, "-F", &url_one]);
    curl(&format!("/{hooks}/complained"), &["-X", "DELETE"]);

    let expected = json!({ "webhooks": {
        "delivered": { "urls": [two] },
        "opened": { "urls": [two, one] },
        "clicked": { "urls": [one, two] },
    }});
    assert_eq!(Api::new(&gateway.url).get(hooks).await, expected);
}
