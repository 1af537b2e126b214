"""Prints prometheusrule.yaml: config/prometheus/rules.yml, the source, as the Prometheus operator wants it.

``python config/kubernetes/monitoring/prometheusrule.py > config/kubernetes/monitoring/prometheusrule.yaml``
"""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import indent

RULES = Path(__file__).resolve().parents[2] / "prometheus" / "rules.yml"
HEAD = """\
# Made by prometheusrule.py from config/prometheus/rules.yml; change it there.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: acra-express
  labels: {app.kubernetes.io/name: acra-express}
spec:
"""


def manifest(rules: str) -> str:
    """The rules file below `spec`."""
    return HEAD + indent(rules, "  ")


if __name__ == "__main__":
    sys.stdout.write(manifest(RULES.read_text(encoding="utf-8")))
