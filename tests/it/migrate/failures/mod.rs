//! What goes wrong: wrong keys and places, servers that refuse or are silent, files in disorder.
//! Each is told with its cause and the next step, and a run after it ends in the right state.

mod files;
mod refusals;
mod servers;

use serde_json::Value;
use waypost_compat::Dialect;

use super::{Account, Ran, Server, Shell};

/// A move from one account to another, both ends named.
struct Move {
    source: Account,
    target: Account,
    shell: Shell,
    ends: Vec<String>,
    _server: Server,
}

impl Move {
    /// Three webhooks to move, and one that was there before. One server plays both providers.
    async fn new(from: Dialect, to: Dialect) -> Self {
        assert_ne!(from, to);
        let server = Server::start();
        let source = Account::at(&server.process.url, from).await;
        let target = Account::at(&server.process.url, to).await;
        for name in ["one", "two", "three"] {
            let url = format!("https://{name}.example/hook");
            source.register(&url, &from.names()[..2]).await;
        }
        target.register("https://there.before/", &to.names()[..2]).await;
        let shell =
            Shell::new(&[("WAYPOST_FROM_KEY", &source.key), ("WAYPOST_TO_KEY", &target.key)]);
        let ends = [source.flags("from"), target.flags("to")].concat();
        Self { source, target, shell, ends, _server: server }
    }

    /// The flags of both ends, one of which is somewhere else.
    fn through(&self, flag: &str, url: &str) -> Vec<String> {
        let mut ends = self.ends.clone();
        let at = ends.iter().position(|text| text == flag).unwrap();
        url.clone_into(&mut ends[at + 1]);
        ends
    }

    async fn run(&self, arguments: &[&str]) -> Ran {
        self.run_between(arguments, &self.ends).await
    }

    /// Runs with these ends; no key of either side is ever shown.
    async fn run_between(&self, arguments: &[&str], ends: &[String]) -> Ran {
        let ends: Vec<&str> = ends.iter().map(String::as_str).collect();
        let ran = self.shell.run(&[arguments, &ends].concat()).await;
        ran.hides(&[&self.source.key, &self.target.key])
    }

    async fn plan(&self) {
        let ran = self.run(&[&self.planning()[..], &["--out", "move.plan"]].concat()).await;
        assert!([0, 3].contains(&ran.code), "{}{}", ran.out, ran.err);
    }

    fn planning(&self) -> [&'static str; 5] {
        ["plan", "--from", self.source.dialect.as_str(), "--to", self.target.dialect.as_str()]
    }

    /// What the target lists.
    async fn target(&self) -> Value {
        self.target.list().await
    }
}
