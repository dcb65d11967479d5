//! Strata layer 0: Debian system, build tools, CUDA and cuDNN
