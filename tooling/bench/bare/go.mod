module bare

go 1.19
