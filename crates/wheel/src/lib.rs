//! Python wheels: bytes in, installed file entries out
