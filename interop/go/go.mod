module bookend

go 1.19
