module github.com/partita-dev/partita

go 1.26
