"""Written by docs/make_builder.py from the JSON Schema of scenarios; do not edit."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Literal, TypeAlias, overload

from qsession_sim.scenario.load import Scenario

Duration: TypeAlias = str | timedelta
Instant: TypeAlias = str | date

class _Bursts(dict[str, Any]): ...
class _Choice_duration(dict[str, Any]): ...
class _Choice_count(dict[str, Any]): ...
class _Coefficients(dict[str, Any]): ...
class _Constant_duration(dict[str, Any]): ...
class _Constant_count(dict[str, Any]): ...
class _EarlyStop(dict[str, Any]): ...
class _EmpiricalNoise(dict[str, Any]): ...
class _Empirical_duration(dict[str, Any]): ...
class _Empirical_count(dict[str, Any]): ...
class _Erlang_duration(dict[str, Any]): ...
class _Erlang_count(dict[str, Any]): ...
class _Exponential_duration(dict[str, Any]): ...
class _Exponential_count(dict[str, Any]): ...
class _Fit(dict[str, Any]): ...
class _Gamma_duration(dict[str, Any]): ...
class _Gamma_count(dict[str, Any]): ...
class _GeometricShots(dict[str, Any]): ...
class _Group(dict[str, Any]): ...
class _Account(dict[str, Any]): ...
class _Arrivals(dict[str, Any]): ...
class _Batches(dict[str, Any]): ...
class _Clock(dict[str, Any]): ...
class _Columns(dict[str, Any]): ...
class _Estimate(dict[str, Any]): ...
class _Explicit(dict[str, Any]): ...
class _Iterative(dict[str, Any]): ...
class _Job(dict[str, Any]): ...
class _Pauses(dict[str, Any]): ...
class _Plan(dict[str, Any]): ...
class _Policies(dict[str, Any]): ...
class _Program(dict[str, Any]): ...
class _QPU(dict[str, Any]): ...
class _Rules(dict[str, Any]): ...
class _ServiceTime(dict[str, Any]): ...
class _Session(dict[str, Any]): ...
class _Start(dict[str, Any]): ...
class _Timeouts(dict[str, Any]): ...
class _Trace(dict[str, Any]): ...
class _Users(dict[str, Any]): ...
class _Window(dict[str, Any]): ...
class _Hyperexponential_duration(dict[str, Any]): ...
class _Hyperexponential_count(dict[str, Any]): ...
class _InferredSessions(dict[str, Any]): ...
class _LinearShots(dict[str, Any]): ...
class _LognormalNoise(dict[str, Any]): ...
class _Lognormal_duration(dict[str, Any]): ...
class _Lognormal_count(dict[str, Any]): ...
class _NamedPolicy(dict[str, Any]): ...
class _NoNoise(dict[str, Any]): ...
class _Pareto_duration(dict[str, Any]): ...
class _Pareto_count(dict[str, Any]): ...
class _Phase(dict[str, Any]): ...
class _QueuePolicySettings(dict[str, Any]): ...
class _Quota(dict[str, Any]): ...
class _Rate(dict[str, Any]): ...
class _ResidualNoise(dict[str, Any]): ...
class _ShotStep(dict[str, Any]): ...
class _SteppedShots(dict[str, Any]): ...
class _SubmissionRate(dict[str, Any]): ...
class _TimeColumn(dict[str, Any]): ...
class _TraceColumns(dict[str, Any]): ...
class _Uniform_duration(dict[str, Any]): ...
class _Uniform_count(dict[str, Any]): ...
class _Weibull_duration(dict[str, Any]): ...
class _Weibull_count(dict[str, Any]): ...
class _Zipf(dict[str, Any]): ...
_Client: TypeAlias = Mapping[str, str]
_Distribution_duration: TypeAlias = _Constant_duration | _Uniform_duration | _Exponential_duration | _Lognormal_duration | _Gamma_duration | _Weibull_duration | _Pareto_duration | _Erlang_duration | _Hyperexponential_duration | _Choice_duration | _Empirical_duration
_Distribution_count: TypeAlias = _Constant_count | _Uniform_count | _Exponential_count | _Lognormal_count | _Gamma_count | _Weibull_count | _Pareto_count | _Erlang_count | _Hyperexponential_count | _Choice_count | _Empirical_count

def scenario(
    *,
    workload: Sequence[_Explicit | _Arrivals | _Iterative | _Batches | _Trace | _Program],
    title: str = ...,
    seed: int = ...,
    start: Instant = ...,
    horizon: Duration = ...,
    warm_up: Duration = ...,
    profile: Literal[2023, 2026] | Literal["2023", "2024-04", "2026"] = ...,
    rules: _Rules = ...,
    qpus: Sequence[_QPU] = ...,
    policies: _Policies = ...,
    plans: Mapping[str, _Plan] = ...,
    accounts: Sequence[_Account] = ...,
) -> Scenario: ...

def bursts(
    *,
    quiet: _Phase,
    burst: _Phase,
) -> _Bursts: ...
@overload
def choice(
    *,
    values: Sequence[Duration],
    at_least: Duration = ...,
    at_most: Duration = ...,
    outside: Literal["cap", "redraw"] = ...,
    weights: Sequence[float] = ...,
) -> _Choice_duration: ...
@overload
def choice(
    *,
    values: Sequence[float],
    at_least: float = ...,
    at_most: float = ...,
    outside: Literal["cap", "redraw"] = ...,
    weights: Sequence[float] = ...,
) -> _Choice_count: ...
def coefficients(
    *,
    executions: Duration = ...,
    qubits: Duration = ...,
    depth: Duration = ...,
) -> _Coefficients: ...
@overload
def constant(
    *,
    value: Duration,
    at_least: Duration = ...,
    at_most: Duration = ...,
    outside: Literal["cap", "redraw"] = ...,
) -> _Constant_duration: ...
@overload
def constant(
    *,
    value: float,
    at_least: float = ...,
    at_most: float = ...,
    outside: Literal["cap", "redraw"] = ...,
) -> _Constant_count: ...
def early_stop(
    *,
    probability: float,
    after: int = ...,
) -> _EarlyStop: ...
def empirical_noise(
    *,
    values: Sequence[float] = ...,
    file: str = ...,
) -> _EmpiricalNoise: ...
def empirical(
    *,
    at_least: Duration | float = ...,
    at_most: Duration | float = ...,
    outside: Literal["cap", "redraw"] = ...,
    values: Sequence[Duration] | Sequence[float] = ...,
    file: str = ...,
) -> _Empirical_duration | _Empirical_count: ...
@overload
def erlang(
    *,
    stages: int,
    mean: Duration,
    at_least: Duration = ...,
    at_most: Duration = ...,
    outside: Literal["cap", "redraw"] = ...,
) -> _Erlang_duration: ...
@overload
def erlang(
    *,
    stages: int,
    mean: float,
    at_least: float = ...,
    at_most: float = ...,
    outside: Literal["cap", "redraw"] = ...,
) -> _Erlang_count: ...
@overload
def exponential(
    *,
    mean: Duration,
    at_least: Duration = ...,
    at_most: Duration = ...,
    outside: Literal["cap", "redraw"] = ...,
) -> _Exponential_duration: ...
@overload
def exponential(
    *,
    mean: float,
    at_least: float = ...,
    at_most: float = ...,
    outside: Literal["cap", "redraw"] = ...,
) -> _Exponential_count: ...
def fit(
    *,
    measurements: int,
    r_squared: float,
    residual_spread: Duration,
    sha256: str,
) -> _Fit: ...
@overload
def gamma(
    *,
    shape: float,
    scale: Duration,
    at_least: Duration = ...,
    at_most: Duration = ...,
    outside: Literal["cap", "redraw"] = ...,
) -> _Gamma_duration: ...
@overload
def gamma(
    *,
    shape: float,
    scale: float,
    at_least: float = ...,
    at_most: float = ...,
    outside: Literal["cap", "redraw"] = ...,
) -> _Gamma_count: ...
def geometric_shots(
    *,
    factor: float,
    at_least: float = ...,
    at_most: float = ...,
) -> _GeometricShots: ...
def group(
    *,
    at: Duration,
    size: int,
) -> _Group: ...
def account(
    *,
    name: str,
    plan: str = ...,
    allocation: Duration = ...,
    client: _Client = ...,
) -> _Account: ...
def arrivals(
    *,
    account: str,
    name: str = ...,
    qpu_time: Duration | _Distribution_duration = ...,
    circuits: float | _Distribution_count = ...,
    shots: float | _Distribution_count = ...,
    max_execution_time: Duration = ...,
    priority: int = ...,
    layers: float | _Distribution_count = ...,
    qubits: float | _Distribution_count = ...,
    depth: float | _Distribution_count = ...,
    users: _Users = ...,
    rates: Sequence[_Rate] = ...,
    bursts: _Bursts = ...,
    groups: Sequence[_Group] = ...,
    qpu: str = ...,
    preparation: Duration | _Distribution_duration = ...,
    post_processing: Duration | _Distribution_duration = ...,
    estimate: str | _Estimate = ...,
    patience: Duration | _Distribution_duration = ...,
    interarrival: Duration | _Distribution_duration = ...,
    load: float = ...,
    count: int = ...,
    until: Duration = ...,
) -> _Arrivals: ...
def batches(
    *,
    account: str,
    jobs: float | _Distribution_count,
    name: str = ...,
    qpu_time: Duration | _Distribution_duration = ...,
    circuits: float | _Distribution_count = ...,
    shots: float | _Distribution_count = ...,
    max_execution_time: Duration = ...,
    priority: int = ...,
    layers: float | _Distribution_count = ...,
    qubits: float | _Distribution_count = ...,
    depth: float | _Distribution_count = ...,
    users: _Users = ...,
    rates: Sequence[_Rate] = ...,
    bursts: _Bursts = ...,
    groups: Sequence[_Group] = ...,
    qpu: str = ...,
    preparation: Duration | _Distribution_duration = ...,
    post_processing: Duration | _Distribution_duration = ...,
    estimate: str | _Estimate = ...,
    patience: Duration | _Distribution_duration = ...,
    interarrival: Duration | _Distribution_duration = ...,
    count: int = ...,
    until: Duration = ...,
    max_time: Duration = ...,
    interactive_timeout: Duration = ...,
) -> _Batches: ...
def clock(
    *,
    default: Duration = ...,
    limit: Literal["none"] | Duration = ...,
) -> _Clock: ...
def columns(
    *,
    time: str,
    shots: str = ...,
    circuits: str = ...,
    qubits: str = ...,
    depth: str = ...,
) -> _Columns: ...
def estimate(
    *,
    method: Literal["perfect", "formula", "factor", "given", "requested"] = ...,
    factor: float | _Distribution_count = ...,
    time: Duration | _Distribution_duration = ...,
) -> _Estimate: ...
def explicit(
    *,
    name: str = ...,
    sessions: Sequence[_Session] = ...,
    jobs: Sequence[_Job] = ...,
) -> _Explicit: ...
def iterative(
    *,
    account: str,
    iterations: float | _Distribution_count,
    name: str = ...,
    qpu_time: Duration | _Distribution_duration = ...,
    circuits: float | _Distribution_count = ...,
    shots: float | _Distribution_count = ...,
    max_execution_time: Duration = ...,
    priority: int = ...,
    layers: float | _Distribution_count = ...,
    qubits: float | _Distribution_count = ...,
    depth: float | _Distribution_count = ...,
    users: _Users = ...,
    qpu: str = ...,
    preparation: Duration | _Distribution_duration = ...,
    post_processing: Duration | _Distribution_duration = ...,
    estimate: str | _Estimate = ...,
    patience: Duration | _Distribution_duration = ...,
    mode: Literal["session", "batch", "job"] = ...,
    clients: int = ...,
    start: _Start = ...,
    think_time: Duration | _Distribution_duration = ...,
    poll_interval: Duration = ...,
    pauses: _Pauses = ...,
    shots_by_iteration: _LinearShots | _GeometricShots | _SteppedShots = ...,
    early_stop: _EarlyStop = ...,
    max_time: Duration = ...,
    interactive_timeout: Duration = ...,
    on_finish: Literal["close", "cancel", "leave"] = ...,
    on_error: Literal["stop", "retry", "continue"] = ...,
    on_rejection: Literal["new_session", "job_mode", "give_up"] = ...,
) -> _Iterative: ...
def job(
    *,
    id: str,
    at: Duration = ...,
    after: str | Sequence[str] = ...,
    think: Duration = ...,
    session: str = ...,
    account: str = ...,
    qpu_time: Duration = ...,
    circuits: float = ...,
    shots: float = ...,
    max_execution_time: Duration = ...,
    priority: int = ...,
    cancel: Duration = ...,
    cancel_after: Duration = ...,
    layers: float = ...,
    qubits: float = ...,
    depth: float = ...,
    qpu: str = ...,
    preparation: Duration = ...,
    post_processing: Duration = ...,
    estimate: Duration = ...,
    patience: Duration = ...,
) -> _Job: ...
def pauses(
    *,
    probability: float,
    duration: Duration | _Distribution_duration,
) -> _Pauses: ...
def plan(
    *,
    sessions: bool = ...,
    batches: bool = ...,
    max_time: Duration | _Clock = ...,
    interactive_timeout: Duration | _Timeouts = ...,
    pending_jobs: Literal["none"] | int = ...,
    submission_rate: Literal["none"] | _SubmissionRate = ...,
    quota: Literal["none"] | _Quota = ...,
    price_per_second: Literal["none"] | float = ...,
) -> _Plan: ...
def policies(
    *,
    queue: str | _QueuePolicySettings = ...,
    hold: str | _NamedPolicy = ...,
    routing: str | _NamedPolicy = ...,
) -> _Policies: ...
def program(
    *,
    account: str,
    name: str = ...,
    clients: int = ...,
    start: _Start = ...,
    think: Literal[0, "measured"] | Duration | _Distribution_duration = ...,
) -> _Program: ...
def qpu(
    *,
    name: str,
    service_time: _ServiceTime = ...,
    simulator: bool = ...,
    lanes: int = ...,
    windows: Sequence[_Window] = ...,
) -> _QPU: ...
def rules(
    *,
    max_time_ends_as: Literal["error", "cancelled"] = ...,
    unused_timeout: Duration = ...,
    max_execution_time: Literal["none"] | Duration = ...,
    ittl_condition: Literal["queued", "ready"] = ...,
    calibration: Literal["after_sessions", "before_sessions"] = ...,
    on_outage: Literal["fail", "requeue"] = ...,
) -> _Rules: ...
def service_time(
    *,
    preset: str = ...,
    model: Literal["executions", "clops", "linear", "fitted", "given"] = ...,
    overhead: Duration = ...,
    per_execution: Duration = ...,
    rep_delay: Duration = ...,
    circuit_length: Duration = ...,
    executions_per_subjob: int = ...,
    clops: float = ...,
    intercept: Duration = ...,
    coefficients: _Coefficients = ...,
    least: Duration = ...,
    file: str = ...,
    columns: _Columns = ...,
    fit: _Fit = ...,
    noise: Literal["none"] | _NoNoise | _LognormalNoise | _EmpiricalNoise | _ResidualNoise = ...,
) -> _ServiceTime: ...
def session(
    *,
    id: str,
    account: str,
    mode: Literal["session", "batch"] = ...,
    created: Duration = ...,
    max_time: Duration = ...,
    interactive_timeout: Duration = ...,
    close: Duration = ...,
    cancel: Duration = ...,
    close_after: Duration = ...,
    cancel_after: Duration = ...,
    qpu: str = ...,
) -> _Session: ...
def start(
    *,
    rates: Sequence[_Rate] = ...,
    bursts: _Bursts = ...,
    groups: Sequence[_Group] = ...,
    interarrival: Duration | _Distribution_duration = ...,
) -> _Start: ...
def timeouts(
    *,
    session: Duration | _Clock = ...,
    batch: Duration | _Clock = ...,
) -> _Timeouts: ...
def trace(
    *,
    file: str,
    qpu: str = ...,
    preparation: Duration | _Distribution_duration = ...,
    post_processing: Duration | _Distribution_duration = ...,
    estimate: str | _Estimate = ...,
    patience: Duration | _Distribution_duration = ...,
    name: str = ...,
    account: str = ...,
    columns: _TraceColumns = ...,
    machines: Mapping[str, str] = ...,
    origin: str = ...,
    starts_at: Duration = ...,
    max_execution_time: Literal["none", "requested"] | Duration = ...,
    max_time: Duration = ...,
    interactive_timeout: Duration = ...,
    batch_interactive_timeout: Duration = ...,
    infer_sessions: _InferredSessions = ...,
    skip_bad_lines: bool = ...,
) -> _Trace: ...
def users(
    *,
    count: int,
    activity: float | _Constant_count | _Uniform_count | _Exponential_count | _Lognormal_count | _Gamma_count | _Weibull_count | _Pareto_count | _Erlang_count | _Hyperexponential_count | _Choice_count | _Empirical_count | _Zipf = ...,
) -> _Users: ...
def window(
    *,
    kind: Literal["maintenance", "calibration", "outage", "reservation"],
    at: Duration = ...,
    every: Duration = ...,
    duration: Duration = ...,
    account: str = ...,
    time_between_failures: Duration | _Distribution_duration = ...,
    repair_time: Duration | _Distribution_duration = ...,
    until: Duration = ...,
) -> _Window: ...
@overload
def hyperexponential(
    *,
    means: Sequence[Duration],
    at_least: Duration = ...,
    at_most: Duration = ...,
    outside: Literal["cap", "redraw"] = ...,
    weights: Sequence[float] = ...,
) -> _Hyperexponential_duration: ...
@overload
def hyperexponential(
    *,
    means: Sequence[float],
    at_least: float = ...,
    at_most: float = ...,
    outside: Literal["cap", "redraw"] = ...,
    weights: Sequence[float] = ...,
) -> _Hyperexponential_count: ...
def inferred_sessions(
    *,
    gap: Duration,
    mode: Literal["session", "batch"] = ...,
) -> _InferredSessions: ...
def linear_shots(
    *,
    step: float,
    at_least: float = ...,
    at_most: float = ...,
) -> _LinearShots: ...
def lognormal_noise(
    *,
    sigma: float,
) -> _LognormalNoise: ...
@overload
def lognormal(
    *,
    median: Duration,
    sigma: float,
    at_least: Duration = ...,
    at_most: Duration = ...,
    outside: Literal["cap", "redraw"] = ...,
) -> _Lognormal_duration: ...
@overload
def lognormal(
    *,
    median: float,
    sigma: float,
    at_least: float = ...,
    at_most: float = ...,
    outside: Literal["cap", "redraw"] = ...,
) -> _Lognormal_count: ...
def named_policy(
    *,
    name: str,
) -> _NamedPolicy: ...
def no_noise() -> _NoNoise: ...
@overload
def pareto(
    *,
    shape: float,
    scale: Duration,
    at_least: Duration = ...,
    at_most: Duration = ...,
    outside: Literal["cap", "redraw"] = ...,
) -> _Pareto_duration: ...
@overload
def pareto(
    *,
    shape: float,
    scale: float,
    at_least: float = ...,
    at_most: float = ...,
    outside: Literal["cap", "redraw"] = ...,
) -> _Pareto_count: ...
def phase(
    *,
    per_hour: float,
    lasts: Duration,
) -> _Phase: ...
def queue_policy_settings(
    *,
    name: str,
    aging: Duration = ...,
    slack: int = ...,
    window: Duration = ...,
    thresholds: Sequence[Duration] = ...,
) -> _QueuePolicySettings: ...
def quota(
    *,
    usage: Duration,
    window: Duration,
    on_reached: Literal["reject", "end"] = ...,
) -> _Quota: ...
def rate(
    *,
    per_hour: float,
    days: Sequence[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = ...,
    from_hour: int = ...,
    to_hour: int = ...,
) -> _Rate: ...
def residual_noise() -> _ResidualNoise: ...
def shot_step(
    *,
    from_iteration: int,
    shots: float,
) -> _ShotStep: ...
def stepped_shots(
    *,
    steps: Sequence[_ShotStep],
) -> _SteppedShots: ...
def submission_rate(
    *,
    count: int,
    window: Duration,
) -> _SubmissionRate: ...
def time_column(
    *,
    name: str,
    unit: Literal["ns", "us", "ms", "s", "min", "h", "d"] = ...,
) -> _TimeColumn: ...
def trace_columns(
    *,
    job: str = ...,
    account: str = ...,
    session: str = ...,
    mode: str = ...,
    qpu: str = ...,
    submitted: str | _TimeColumn = ...,
    after: str = ...,
    think: str | _TimeColumn = ...,
    qpu_time: str | _TimeColumn = ...,
    max_execution_time: str | _TimeColumn = ...,
    priority: str = ...,
    preparation: str | _TimeColumn = ...,
    post_processing: str | _TimeColumn = ...,
    estimate: str | _TimeColumn = ...,
    started: str | _TimeColumn = ...,
    finished: str | _TimeColumn = ...,
    patience: str | _TimeColumn = ...,
    unit: Literal["ns", "us", "ms", "s", "min", "h", "d"] = ...,
) -> _TraceColumns: ...
@overload
def uniform(
    *,
    low: Duration,
    high: Duration,
    at_least: Duration = ...,
    at_most: Duration = ...,
    outside: Literal["cap", "redraw"] = ...,
) -> _Uniform_duration: ...
@overload
def uniform(
    *,
    low: float,
    high: float,
    at_least: float = ...,
    at_most: float = ...,
    outside: Literal["cap", "redraw"] = ...,
) -> _Uniform_count: ...
@overload
def weibull(
    *,
    shape: float,
    scale: Duration,
    at_least: Duration = ...,
    at_most: Duration = ...,
    outside: Literal["cap", "redraw"] = ...,
) -> _Weibull_duration: ...
@overload
def weibull(
    *,
    shape: float,
    scale: float,
    at_least: float = ...,
    at_most: float = ...,
    outside: Literal["cap", "redraw"] = ...,
) -> _Weibull_count: ...
def zipf(
    *,
    exponent: float,
) -> _Zipf: ...
