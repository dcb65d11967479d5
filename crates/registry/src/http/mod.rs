//! One request and its answer, over the agent that `store` sets up: redirects and retries are decided
//! here and not by the agent, because a body, or a token, may not go everywhere.

mod access;
mod answer;
mod ask;
mod call;
mod endpoint;
mod host;
mod raw;

pub(crate) use answer::{Answer, BodyReader};
pub(crate) use ask::{Ask, Send, Stream, Telling};
pub(crate) use call::Failure;
pub(crate) use host::{Host, Learned};
pub(crate) use raw::Line;
