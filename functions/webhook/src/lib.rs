//! Verifies, keeps and acknowledges what providers and CRMs post.

mod handler;
mod receive;

pub use handler::Handler;
