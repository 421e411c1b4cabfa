"""Stand-in for a Kubernetes cluster: its API over TLS, and controllers that run no container and say so.

Started as ``python -m interlock.local.kubernetes --config FILE`` (`config.Config`). For the supervisor:
`tls.write_ca`, `tls.write_server_certificate`, `tokens.write_tokens`, `kubeconfig.write_kubeconfig`.
"""
