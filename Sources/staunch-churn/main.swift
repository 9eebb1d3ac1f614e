// staunch-churn: creates and deletes many pods for a long time, kills processes meanwhile, and
// checks what is left. Options.swift contains its options, and Reading.swift reads them.

import ArgumentParser

StaunchChurn.main()
