//! The HTTP surface: one [`App`], one [`Route`] type, credentials, and each dialect's API.
//!
//! In warp a rejection means *not this route*. Once path and method match, the handler answers,
//! errors included, in its dialect's own shape.

mod auth;
mod body;
mod route;

use std::sync::Arc;

pub use auth::{Credentials, Principal};
pub use body::{Body, BodyError};
pub use route::Route;

use crate::ambient::Ambient;
use crate::config::Settings;
use crate::store::Store;

/// What every handler may use. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Clock and randomness.
    pub ambient: Ambient,
    /// Configuration.
    pub settings: Arc<Settings>,
}
