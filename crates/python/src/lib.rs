//! The image's Python: its interpreter's root, bytecode, and wheels as layer parts
