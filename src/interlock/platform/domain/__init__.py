"""The words of the design's section 4, as frozen values without I/O. One concept a module.

=========================  =============================================================================================
``ids`` ``names``          identifiers, and the rule for names
``verdict`` ``facts``      three-valued outcomes; facts that could not be read
``people``                 persons, accounts, keys, roles
``delivery`` ``branches``  a delivery and its kind; the names of head branches
``pull`` ``change``        a pull request and its reviews; what merging it does to the files
``classification``         which kind of delivery a change is
``result`` ``approval``    the object ids a delivery results in; a review bound to them
``image`` ``health``       an image with its signatures and statements; an Application's state
``workload``               what a service runs, and the images that an object names
``record``                 a change record
=========================  =============================================================================================
"""
