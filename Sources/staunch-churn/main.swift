// staunch-churn: drives pods hard, for long, with things dying, and looks at what is left. What it
// can be told stands in Options.swift, how it is read in Reading.swift.

import ArgumentParser

StaunchChurn.main()
