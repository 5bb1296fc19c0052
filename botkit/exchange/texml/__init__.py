"""TeXML: calls that are driven by XML documents from a web server.

elements    bytes to elements with their lines; what is not safe is refused
verbs       the verbs and nouns as frozen models: attributes, defaults, ranges
document    a reply's body to a `Document`
fetch       asks a web server for a document: fields, time and size limits, fallback
port        what a document may ask of a leg
fields      the form fields and status words that web servers are told
callbacks   notices to web servers, in order, that hold up no call
follow      a leg's status callbacks
program     one leg under one document after the other
gather, dial, queueing, conference, recording     the verbs that need more than a line
calls       the calls that documents control; what REST asks for
"""
