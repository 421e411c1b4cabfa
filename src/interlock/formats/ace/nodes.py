"""What is known of node types: overridable properties in the order of IBM's broker.xml, and output terminals.

Source: BARs that IBM's tools built (research/ace_secrets.md 1.2, 1.4). A type that is not in these tables gets no
node properties in broker.xml ("not overridable here") and its terminals are not judged.
"""

from __future__ import annotations

from collections.abc import Mapping

FLOW = (
    "additionalInstances",
    "notificationThresholdMsgsPerSec",
    "maximumRateMsgsPerSec",
    "processingTimeoutSec",
    "processingTimeoutAction",
    "wlmPolicy",
    "commitCount",
    "commitInterval",
    "coordinatedTransaction",
    "consumerPolicySet",
    "providerPolicySet",
    "consumerPolicySetBindings",
    "providerPolicySetBindings",
    "securityProfileName",
    "monitoringProfile",
    "startMode",
    "startInstancesWhenFlowStarts",
)
"""Properties of a message flow; a subflow has none."""

_MQ_CONNECTION = (
    "connection",
    "destinationQueueManagerName",
    "queueManagerHostname",
    "listenerPortNumber",
    "channelName",
    "securityIdentity",
    "useSSL",
    "SSLPeerName",
    "SSLCipherSpec",
    "SSLCertificateLabel",
)
_HTTP_REQUEST = (
    "URLSpecifier",
    "timeoutForServer",
    "httpProxyLocation",
    "httpVersion",
    "enableKeepAlive",
    "requestCompressionType",
    "protocol",
    "allowedCiphers",
    "hostnameChecking",
    "keyAlias",
    "enableCRLCheck",
    "acceptCompressedResponses",
    "validateMaster",
)

PROPERTIES: Mapping[str, tuple[str, ...]] = {
    "ComIbmCompute": ("dataSource", "connectDatasourceBeforeFlowStarts", "validateMaster"),
    "ComIbmWSInput": (
        "URLSpecifier",
        "useHTTPS",
        "decompressInputMessage",
        "timeoutForClient",
        "faultFormat",
        "validateMaster",
        "securityProfileName",
    ),
    "ComIbmWSReply": ("validateMaster",),
    "ComIbmWSRequest": (*_HTTP_REQUEST, "securityProfileName"),
    "ComIbmHTTPAsyncRequest": _HTTP_REQUEST,
    "ComIbmMQInput": (
        "queueName",
        *_MQ_CONNECTION,
        "serializationToken",
        "topicProperty",
        "resetBrowseTimeout",
        "validateMaster",
        "securityProfileName",
        "componentLevel",
        "additionalInstances",
        "policyUrl",
    ),
    "ComIbmMQOutput": (
        "queueName",
        *_MQ_CONNECTION,
        "queueManagerName",
        "replyToQMgr",
        "replyToQ",
        "validateMaster",
        "securityProfileName",
        "policyUrl",
        "AddRequestToGroup",
        "GroupRequestFolderName",
        "GroupRequestTimeout",
    ),
    "ComIbmMQGet": ("queueName", *_MQ_CONNECTION, "validateMaster", "policyUrl"),
    "ComIbmMQReply": (*_MQ_CONNECTION, "validateMaster", "policyUrl"),
    "ComIbmTrace": ("filePath",),
    "ComIbmJavaCompute": ("javaClassLoader", "validateMaster"),
}

ALWAYS: Mapping[str, Mapping[str, str]] = {
    "ComIbmWSRequest": {"httpVersion": "1.1", "protocol": "TLS"},
    "ComIbmHTTPAsyncRequest": {"httpVersion": "1.1", "protocol": "TLS"},
}
"""Properties that IBM's tools write with a value even when the flow file has none."""

TERMINALS: Mapping[str, frozenset[str]] = {
    "ComIbmWSInput": frozenset({"out", "failure", "timeout", "catch"}),
    "ComIbmMQInput": frozenset({"out", "failure", "catch"}),
    "ComIbmWSRequest": frozenset({"out", "error", "failure"}),
    "ComIbmWSReply": frozenset({"out", "failure"}),
    "ComIbmCompute": frozenset({"out", "out1", "out2", "out3", "out4", "failure"}),
    "ComIbmFilter": frozenset({"true", "false", "unknown", "failure"}),
    "ComIbmTryCatch": frozenset({"try", "catch"}),
    "ComIbmMQGet": frozenset({"out", "noMessage", "warning", "failure"}),
    "ComIbmMQOutput": frozenset({"out", "failure"}),
    "ComIbmMQReply": frozenset({"out", "failure"}),
    "ComIbmValidate": frozenset({"match", "failure"}),
    "ComIbmLabel": frozenset({"out"}),
    "ComIbmTrace": frozenset({"out", "failure"}),
    "ComIbmJavaCompute": frozenset({"out", "alternate", "failure"}),
    "ComIbmThrow": frozenset(),
}
"""Output terminals, where the whole list is known."""

INPUTS = frozenset({"ComIbmWSInput", "ComIbmMQInput", "ComIbmKafkaMsgConsumer", "ComIbmSOAPInput", "ComIbmFileInput"})
"""Types at which a message enters and that have terminals for what goes wrong."""
