module allup.invalid/echo

go 1.26.0
