//! Archives and local files as file entries: tar, zip, a subfolder of a wheel
