//! The files of the service name each other in one direction, two neighbours aside.

#[path = "../../compat/tests/it/modules.rs"]
mod modules;

use self::modules::{circles, graph};

/// The largest circle allowed: two files that are read together anyway.
const FILES_MAX: usize = 2;

#[test]
fn no_circle_of_files_is_larger_than_two() {
    let mut graph = graph();
    let found = ["store", "worker::deliver"].map(|file| graph["worker"].contains(file));
    assert_eq!(found, [true; 2], "not even what `worker` names is found");
    for (file, named) in &mut graph {
        // A child may use what its parents hold for all of their children: they are one room.
        named.retain(|other| !file.starts_with(&format!("{other}::")));
    }
    let large: Vec<_> =
        circles(&graph).into_iter().filter(|circle| circle.len() > FILES_MAX).collect();
    assert!(large.is_empty(), "these files name each other in a circle: {large:#?}");
}
