//! The image's Python: its interpreter in a root folder of its own, bytecode made by it, and the
//! wheels of a layer as plans for parts. Which wheels a layer has is the layer crate's business.

mod compile;
mod constraints;
mod cuda;
mod error;
mod groups;
mod interpreter;
mod nvcc;
mod pack;
mod parts;
mod spread;
mod standalone;
mod worker;

pub use constraints::constraints_files;
pub use cuda::{CUDA, cuda_links};
pub use error::{Error, Result};
pub use interpreter::Interpreter;
pub use nvcc::{NVCC_HEADER, has_nvcc, nvcc_env, nvcc_header};
pub use parts::{FromSource, compile_tree, interpreter_key, packages, wheel_plans};
pub use spread::spread;
pub use standalone::{Standalone, interpreter_plan};
