//! Strata layer 3: the Python packages that ComfyUI and its nodes need
