//! Zip files as lists of verified entries
