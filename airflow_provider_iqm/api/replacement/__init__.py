"""
Replacing an audience with another in all campaigns that use it.

One request adds the new audience to a campaign and removes the old one, so the campaign targets one of them at any
moment. The campaigns' state is read before and after, so an exchange that was interrupted anywhere can be repeated.
"""
