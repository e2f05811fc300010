//! The way from a request to its row: which API its path is of, which row is meant, who asks.

use http::Method;
use waypost_compat::Dialect;

use super::tree::Tree;
use super::{Handler, Rejected, Route, Section, Surface};
use crate::http::App;
use crate::http::call::Call;
use crate::http::caller::{Demand, Denied, Principal};
use crate::http::dispatch::{self, Chosen, How};
use crate::http::reply::Response;

/// The API that answers below each path.
const AREAS: [(&str, Area); 6] = [
    ("/ingest/{...}", Area::Of(Surface::Ingest)),
    ("/waypost/v1/{...}", Area::Of(Surface::Native)),
    ("/v1/webhooks/{...}", Area::Shared),
    ("/api/v1/webhooks/{...}", Area::Of(Surface::Dialect(Dialect::Wistfare))),
    ("/{v1|v2|v3|v4|v5}/{...}", Area::Of(Surface::Dialect(Dialect::Mailgun))),
    ("/{...}", Area::Of(Surface::Common)),
];

#[derive(Debug, Clone, Copy)]
enum Area {
    /// One API.
    Of(Surface),
    /// The API of whichever dialect the credentials speak.
    Shared,
}

/// Every route, ready to be found.
pub(in crate::http) struct Table {
    areas: Tree<Area>,
    sections: Vec<(Section, Tree<usize>)>,
}

impl Table {
    /// A table of these sections.
    pub(in crate::http) fn new(sections: Vec<Section>) -> Self {
        let mut areas = Tree::new();
        for (pattern, area) in AREAS {
            areas.add(pattern, area);
        }
        let compiled = |section: Section| {
            let mut tree = Tree::new();
            for (row, route) in section.routes.iter().enumerate() {
                tree.add(route.path, row);
            }
            (section, tree)
        };
        Self { areas, sections: sections.into_iter().map(compiled).collect() }
    }

    /// Answers a request, whatever becomes of it.
    pub(in crate::http) async fn answer(&self, mut call: Call, app: App) -> Response {
        let (surface, chosen) = self.surface(&call, &app).await;
        let (section, tree) = self.section(surface);
        let rows = tree.find(&call.path);
        if let Some(pass) = section.pass
            && rows.iter().any(|row| section.routes[*row].gives_way)
        {
            call = match pass(call, app.clone()).await {
                Ok(response) => return response,
                Err(call) => call,
            };
        }
        let rejected = match row(section, rows, &call.method) {
            Ok(Route { path, handler: Handler::Open(_, handle), .. }) => {
                call.pattern = path;
                return handle(call, app).await;
            }
            Ok(Route { path, handler: Handler::Keyed(demand, handle), .. }) => {
                match judged(*demand, chosen, &call, &app).await {
                    Ok(principal) => {
                        call.pattern = path;
                        return handle(principal, call, app).await;
                    }
                    Err(denied) => Rejected::Credential(denied),
                }
            }
            Err(rejected) => match section.unseen {
                None => rejected,
                Some(demand) => match judged(demand, chosen, &call, &app).await {
                    Ok(_) => rejected,
                    Err(denied) => Rejected::Credential(denied),
                },
            },
        };
        (section.reject)(rejected, &call, &app)
    }

    /// The API that a request means, and the credential of it that may authenticate.
    async fn surface(&self, call: &Call, app: &App) -> (Surface, Chosen) {
        match self.areas.find(&call.path).first() {
            Some(Area::Shared) => {
                let chosen = dispatch::chosen(call.credentials(), app).await;
                (Surface::Dialect(chosen.dialect), chosen)
            }
            Some(Area::Of(surface)) => by_path(*surface),
            None => by_path(Surface::Common),
        }
    }

    fn section(&self, surface: Surface) -> &(Section, Tree<usize>) {
        let mut sections = self.sections.iter();
        sections.find(|(section, _)| section.surface == surface).expect("every API has a section")
    }
}

fn by_path(surface: Surface) -> (Surface, Chosen) {
    let dialect = match surface {
        Surface::Dialect(dialect) => dialect,
        // A key of Mailgun's is what Waypost's own API takes.
        Surface::Ingest | Surface::Native | Surface::Common => Dialect::Mailgun,
    };
    (surface, Chosen { dialect, how: How::Path })
}

/// The row among those of a path that a method means.
fn row<'s>(section: &'s Section, rows: &[usize], method: &Method) -> Result<&'s Route, Rejected> {
    let rows = || rows.iter().map(|row| &section.routes[*row]);
    if let Some(route) = rows().find(|route| route.method.as_ref() == Some(method)) {
        return Ok(route);
    }
    let named: Vec<&str> =
        rows().filter_map(|route| Some(route.method.as_ref()?.as_str())).collect();
    // A preflight asks for the methods that have names.
    let asks_for_names = *method == Method::OPTIONS && !named.is_empty();
    match rows().find(|route| route.method.is_none() && !asks_for_names) {
        Some(route) => Ok(route),
        None if named.is_empty() => Err(Rejected::Path),
        None => Err(Rejected::Method { allow: named.join(", ") }),
    }
}

async fn judged(
    demand: Demand,
    chosen: Chosen,
    call: &Call,
    app: &App,
) -> Result<Principal, Denied> {
    let credentials = call.credentials();
    app.judge(demand, chosen.secret(credentials), credentials).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::routes::tree::segments;
    use crate::http::sections;

    /// Paths that a pattern is for: one for each choice between words.
    fn paths(pattern: &str) -> Vec<String> {
        let mut paths = vec![String::new()];
        for segment in segments(pattern) {
            let inner = segment.strip_prefix('{').and_then(|inner| inner.strip_suffix('}'));
            let words: Vec<&str> = match inner {
                None => vec![segment],
                Some("...") => vec!["some", "more"],
                Some(inner) if inner.contains('|') => {
                    inner.split_once(':').map_or(inner, |(_, words)| words).split('|').collect()
                }
                Some(_) => vec!["any.example"],
            };
            let longer = |path: &String| -> Vec<String> {
                words.iter().map(|word| format!("{path}/{word}")).collect()
            };
            paths = paths.iter().flat_map(longer).collect();
        }
        paths
    }

    #[test]
    fn each_row_is_reached_by_its_paths_and_by_nobody_elses() {
        let table = Table::new(sections());
        for (section, tree) in &table.sections {
            for (index, route) in section.routes.iter().enumerate() {
                for path in paths(route.path) {
                    let methods = match &route.method {
                        Some(method) => vec![method.clone()],
                        None => vec![Method::PATCH, Method::TRACE],
                    };
                    for method in methods {
                        let found = row(section, tree.find(&path), &method);
                        let found = found.unwrap_or_else(|why| panic!("{path}: {why:?}"));
                        let own = std::ptr::eq(found, &raw const section.routes[index]);
                        assert!(own, "{method} {path} leads to {}", found.path);
                    }
                }
            }
        }
    }

    #[test]
    fn each_row_stands_where_its_api_answers() {
        let table = Table::new(sections());
        for (section, _) in &table.sections {
            for path in section.routes.iter().flat_map(|route| paths(route.path)) {
                let area = table.areas.find(&path).first().copied();
                let fits = match area {
                    Some(Area::Of(surface)) => surface == section.surface,
                    Some(Area::Shared) => matches!(section.surface, Surface::Dialect(_)),
                    None => false,
                };
                assert!(fits, "{path} of {} is in {area:?}", section.surface);
            }
        }
    }

    #[test]
    fn a_method_that_a_path_does_not_have_is_told_which_it_has() {
        let table = Table::new(sections());
        let mailgun = Surface::Dialect(Dialect::Mailgun);
        for (surface, method, path, allowed) in [
            (mailgun, Method::PATCH, "/v3/domains/a.example/webhooks", "GET, POST, PUT, DELETE"),
            (mailgun, Method::OPTIONS, "/v4/domains/a.example/webhooks", "POST, PUT, DELETE"),
            (mailgun, Method::OPTIONS, "/v3/a.example/bounces", "GET"),
            (Surface::Native, Method::PUT, "/waypost/v1/keys", "POST, GET"),
            (Surface::Ingest, Method::GET, "/ingest/src_1", "POST"),
        ] {
            let (section, tree) = table.section(surface);
            match row(section, tree.find(path), &method) {
                Err(Rejected::Method { allow }) => assert_eq!(allow, allowed, "{path}"),
                Err(other) => panic!("{path}: {other:?}"),
                Ok(found) => panic!("{method} {path} leads to {}", found.path),
            }
        }
    }
}
