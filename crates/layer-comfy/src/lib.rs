//! Strata layer 5: ComfyUI, Manager, frontend, custom nodes
