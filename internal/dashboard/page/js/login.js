if (location.search === '?wrong') {
  document.getElementById('wrong').textContent = 'That is not the token of this service.'
}
