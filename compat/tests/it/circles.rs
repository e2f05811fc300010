//! The files of the crate name each other in one direction only.

use super::modules::{circles, graph};

#[test]
fn no_circle_of_files() {
    let graph = graph();
    let found = ["json", "matrix", "speaking"].map(|file| graph["translate"].contains(file));
    assert_eq!(found, [true; 3], "not even what `translate` names is found");
    let circles = circles(&graph);
    assert!(circles.is_empty(), "these files name each other in a circle: {circles:?}");
}
