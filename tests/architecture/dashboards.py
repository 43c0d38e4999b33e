"""The Grafana dashboards that the chart ships, panel by panel; docs/guides/monitoring.md says what they are for."""

from architecture.grafana import Dashboard, Panel, dashboard_json

FLEET = 'gateway_namespace=~"$gateway_namespace",gateway=~"$gateway"'
CALLS = f'{FLEET},namespace=~"$namespace"'
UPSTREAM = f'{FLEET},provider=~"$provider"'
WINDOW = "$__rate_interval"
FAULTLESS = "Answered|ClientGone|InvalidRequest|ContextLengthExceeded|ContentFiltered"
"""Outcomes of attempts for which no provider is blamed: docs/reference/failures.md."""

BLAMED = f'{UPSTREAM},outcome!~"{FAULTLESS}"'
_FLEET_VARIABLES = {"gateway_namespace": "fairlead_config_info", "gateway": "fairlead_config_info"}


def _rate(metric: str, selected: str, *by: str, window: str = WINDOW) -> str:
    return f"sum by ({', '.join(by)}) (rate({metric}{{{selected}}}[{window}]))"


def _increase(metric: str, selected: str, *by: str, window: str = "$__range") -> str:
    return f"sum by ({', '.join(by)}) (increase({metric}{{{selected}}}[{window}]))"


def _quantile(share: float, metric: str, selected: str, *by: str) -> str:
    return f"histogram_quantile({share}, {_rate(f'{metric}_bucket', selected, 'le', *by)})"


def _quantiles(metric: str, selected: str) -> dict[str, str]:
    return {f"p{round(share * 100)}": _quantile(share, metric, selected) for share in (0.5, 0.95, 0.99)}


GATEWAY = Dashboard(
    "gateway",
    "Fairlead: gateway",
    {**_FLEET_VARIABLES, "namespace": "fairlead_requests_total"},
    [
        [
            Panel(
                "Calls",
                {"{{gateway_namespace}}/{{gateway}}": _rate("fairlead_requests_total", CALLS, *_FLEET_VARIABLES)},
                "reqps",
            ),
            Panel(
                "Answers other than 200",
                {"{{code}} {{reason}}": _rate("fairlead_requests_total", f'{CALLS},code!="200"', "code", "reason")},
                "reqps",
                description="499: the caller left first.",
            ),
            Panel(
                "Errors of 5xx, of all calls",
                {"{{gateway_namespace}}/{{gateway}}": f"fairlead:requests_errors:ratio_rate5m{{{FLEET}}}"},
                "percentunit",
            ),
        ],
        [
            Panel("Duration of calls", _quantiles("fairlead_request_duration_seconds", CALLS), "s"),
            Panel(
                "Time to the first token",
                _quantiles("fairlead_ttft_seconds", CALLS),
                "s",
                description="From a streamed call's admission to its first content, failed attempts included.",
            ),
            Panel("Calls being served", {"{{pod}}": f"sum by (pod) (fairlead_inflight_requests{{{FLEET}}})"}, "short"),
        ],
        [
            Panel("Attempts", {"{{outcome}}": _rate("fairlead_attempts_total", FLEET, "outcome")}, "reqps"),
            Panel(
                "Attempts beyond the first, for each call",
                {"{{gateway_namespace}}/{{gateway}}": f"fairlead:extra_attempts:ratio_rate15m{{{FLEET}}}"},
                "percentunit",
                description="Probes that are real calls count as attempts.",
            ),
            Panel(
                "Who answers",
                {
                    "{{provider}} {{model}}": _rate(
                        "fairlead_requests_total", f'{CALLS},code="200"', "provider", "model"
                    )
                },
                "reqps",
            ),
        ],
    ],
)

PROVIDERS = Dashboard(
    "providers",
    "Fairlead: providers",
    {**_FLEET_VARIABLES, "provider": "fairlead_attempts_total"},
    [
        [
            Panel(
                "Share of the proxies that see it serve",
                {"{{provider}}": f"avg by (provider) (fairlead_provider_healthy{{{UPSTREAM}}})"},
                "percentunit",
            ),
            Panel(
                "Attempts that failed by its own fault",
                {
                    "{{provider}}": f"{_rate('fairlead_attempts_total', BLAMED, 'provider')}"
                    f" / {_rate('fairlead_attempts_total', UPSTREAM, 'provider')}"
                },
                "percentunit",
            ),
        ],
        [
            Panel(
                "Attempts by outcome",
                {"{{provider}} {{outcome}}": _rate("fairlead_attempts_total", UPSTREAM, "provider", "outcome")},
                "reqps",
            ),
            Panel(
                "Breakers that rest",
                {
                    "{{provider}} {{model}} {{credential}} {{mode}}": "sum by (provider, model, credential, mode) "
                    f"(fairlead_circuit_state{{{UPSTREAM}}} == bool 2)"
                },
                description="In how many proxies a model at a credential is left out for a while.",
            ),
        ],
        [
            Panel(
                "Duration of calls, p95",
                {
                    "{{provider}} {{model}}": _quantile(
                        0.95, "fairlead_request_duration_seconds", UPSTREAM, "provider", "model"
                    )
                },
                "s",
            ),
            Panel(
                "Time to the first token, p95",
                {"{{provider}} {{model}}": _quantile(0.95, "fairlead_ttft_seconds", UPSTREAM, "provider", "model")},
                "s",
            ),
            Panel(
                "Attempts that wait unusually long",
                {"{{provider}} {{model}}": f"sum by (provider, model) (fairlead_overdue_attempts{{{UPSTREAM}}})"},
            ),
        ],
    ],
)

COST = Dashboard(
    "cost",
    "Fairlead: cost",
    {**_FLEET_VARIABLES, "namespace": "fairlead_tokens_total"},
    [
        [
            Panel(
                "Spent, by namespace",
                {"{{namespace}}": _increase("fairlead_cost_usd_total", CALLS, "namespace")},
                "currencyUSD",
                "stat",
                "In the time range of the dashboard. The ledger is what counts: docs/guides/cost.md.",
            ),
            Panel(
                "Attempts without a price",
                {"{{provider}} {{model}}": _increase("fairlead_unpriced_attempts_total", CALLS, "provider", "model")},
                "short",
                "stat",
                "They are in no sum of costs.",
            ),
        ],
        [
            Panel(
                "Spend of an hour, by namespace",
                {"{{namespace}}": f"sum by (namespace) (fairlead:cost_usd:increase1h{{{CALLS}}})"},
                "currencyUSD",
            ),
            Panel(
                "Spend of an hour, by model",
                {"{{provider}} {{model}}": f"sum by (provider, model) (fairlead:cost_usd:increase1h{{{CALLS}}})"},
                "currencyUSD",
            ),
        ],
        [
            Panel("Tokens", {"{{direction}}": _rate("fairlead_tokens_total", CALLS, "direction")}),
            Panel(
                "Tokens, by namespace and model",
                {"{{namespace}} {{model}}": _rate("fairlead_tokens_total", CALLS, "namespace", "model")},
            ),
        ],
        [
            Panel(
                "Spent, by policy, provider and model",
                {"": _increase("fairlead_cost_usd_total", CALLS, "namespace", "policy", "provider", "model")},
                "currencyUSD",
                "table",
            ),
        ],
    ],
)

OPERATION = Dashboard(
    "operation",
    "Fairlead: operation",
    _FLEET_VARIABLES,
    [
        [
            Panel(
                "Revisions that a fleet serves",
                {
                    "{{gateway_namespace}}/{{gateway}}": "count by (gateway_namespace, gateway) "
                    f"(count by (gateway_namespace, gateway, revision) (fairlead_config_info{{{FLEET}}}))"
                },
                description="1, but for the moment of a change.",
            ),
            Panel(
                "Age of the configuration",
                {"{{pod}}": f"time() - max by (pod) (fairlead_config_loaded_timestamp_seconds{{{FLEET}}})"},
                "s",
            ),
            Panel(
                "Configurations refused",
                {"{{pod}}": _increase("fairlead_config_apply_failures_total", FLEET, "pod", window=WINDOW)},
            ),
        ],
        [
            Panel("Operators that act", {"operators": "sum(fairlead_operator_leading)"}, kind="stat"),
            Panel(
                "How far the watches are behind",
                {"{{pod}}": "max by (pod) (fairlead_operator_watch_age_seconds)"},
                "s",
            ),
            Panel("Objects", {"{{kind}}": "max by (kind) (fairlead_operator_objects)"}),
            Panel(
                "What the operator does",
                {"{{action}}": f"sum by (action) (rate(fairlead_operator_actions_total[{WINDOW}]))"},
                "ops",
            ),
        ],
        [
            Panel(
                "Stores that take records",
                {"{{pod}} {{sink}}": f"min by (pod, sink) (fairlead_ledger_sink_up{{{FLEET}}})"},
            ),
            Panel(
                "Records that wait",
                {"{{pod}} {{sink}}": f"sum by (pod, sink) (fairlead_ledger_unshipped_records{{{FLEET}}})"},
            ),
            Panel(
                "Records lost",
                {
                    "{{pod}} dropped": _increase(
                        "fairlead_ledger_records_total", f'{FLEET},state="dropped"', "pod", window=WINDOW
                    ),
                    "{{pod}} {{sink}} {{reason}}": _increase(
                        "fairlead_ledger_lost_records_total", FLEET, "pod", "sink", "reason", window=WINDOW
                    ),
                },
            ),
            Panel("Tasks of a proxy", {"{{pod}}": f"max by (pod) (fairlead_tasks{{{FLEET}}})"}),
        ],
    ],
)

DASHBOARDS = (GATEWAY, PROVIDERS, COST, OPERATION)


def dashboard_files() -> dict[str, str]:
    """Return path (from the root) → text of every dashboard."""
    return {f"charts/fairlead/dashboards/{each.name}.json": dashboard_json(each) for each in DASHBOARDS}
