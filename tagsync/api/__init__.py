"""Compose everything that tagsync does, for Python and the command line: gather, decide, act, keep.

import tagsync

target = tagsync.Target.from_env()
plan = tagsync.plan(["manifests"], target=target)
report = tagsync.apply(plan, target=target)
assert report.converged
"""
