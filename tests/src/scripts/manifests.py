"""Renders a chart with values, or looks at it as `helm lint --strict` does. Helm is a library here, the same that the
program `helm` is made of: `manifests.py lint|render CHART VALUES`."""

import json
import sys

import helm_python as helm

what, chart, file = sys.argv[1:]
with open(file) as text:
    values = helm.values_from_yaml(text.read())
if what == "lint":
    print(json.dumps(helm.lint(chart, values, strict=True)))
else:
    with helm.Chart.load(chart) as loaded:
        rendered = loaded.render(values, name="egress", namespace="egress-system")
    for name, text in sorted(rendered.items()):
        if name.endswith(".yaml") and text.strip():
            print(f"---\n{text.strip()}")
