//! Runs a program of the image's own, offline, in namespaces
