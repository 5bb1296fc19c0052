"""`botkit doctor`: an account tried step by step, each with a verdict and a hint.

`findings` has the words, `machine` what is noted beforehand, `network` the name and the certificate, `ice` the STUN
and TURN servers, `line` the far end on the embedded exchange, `call` what is tried on one call, and `examination` the
order.
"""
