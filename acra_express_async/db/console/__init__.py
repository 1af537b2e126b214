"""SQL of the console: sessions that were signed out, the trail of actions, and the search for a company.

Every query is answered by an existing index, however many companies there are, and reads `companies` in a statement by
itself: the lock that any reader takes on that table turns away our inserts for as long as it is held (B1).
"""
