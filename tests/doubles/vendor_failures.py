"""The failures that vendors document, with their real bodies, headers and codes, by name."""

from doubles.scripted.anthropic_failures import ANTHROPIC_FAILURES
from doubles.scripted.bedrock_failures import BEDROCK_FAILURES
from doubles.scripted.google_failures import GOOGLE_FAILURES
from doubles.scripted.openai_failures import OPENAI_FAILURES
from doubles.scripted.vendor_failure import VendorFailure as VendorFailure

VENDOR_FAILURES: dict[str, VendorFailure] = {
    failure.name: failure for failure in (*OPENAI_FAILURES, *ANTHROPIC_FAILURES, *GOOGLE_FAILURES, *BEDROCK_FAILURES)
}
