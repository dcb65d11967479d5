#!/usr/bin/env python3
"""The health check: does ComfyUI answer?"""

import sys
import urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    opener.open("http://127.0.0.1:8188/system_stats", timeout=8).read()
except OSError as error:
    sys.exit(f"ComfyUI does not answer: {error}")
