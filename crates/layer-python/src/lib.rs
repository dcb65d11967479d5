//! Strata layer 1: Python, pip, setuptools, wheel
