"""Turns the Manager on before ComfyUI starts."""

import sys

from comfy.cli_args import args

args.enable_manager = True
args.enable_manager_legacy_ui = False
# The frontend shows the Manager where it finds this word among the server's arguments.
if "--enable-manager" not in sys.argv:
    sys.argv.append("--enable-manager")

import comfyui_manager  # noqa: E402

comfyui_manager.prestartup()
