"""Starts the Manager's package; it has no nodes of its own."""

import comfyui_manager
from comfy_api.feature_flags import SERVER_FEATURE_FLAGS
from server import PromptServer

SERVER_FEATURE_FLAGS.setdefault("extension", {}).setdefault("manager", {})["supports_v4"] = True
PromptServer.instance.app.middlewares.append(comfyui_manager.create_middleware())
comfyui_manager.start()

NODE_CLASS_MAPPINGS = {}
